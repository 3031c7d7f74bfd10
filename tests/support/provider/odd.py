"""Good answers in odd forms, and errors in odd forms: tables for whoever reads a provider's bytes."""

import gzip
import json
import zlib

from tests.support.provider.server import chunk, event

HELLO = "Hello there."


def delta(said: object = None, finish: str | None = None, **more: object) -> bytes:
    """One event with a delta."""
    content = {} if said is None else {"content": said}
    return event(chunk("", choices=[{"index": 0, "delta": content | more, "finish_reason": finish}]))


def whole(text: object, finish: str | None = "stop", **more: object) -> dict[str, object]:
    """One document with a whole message."""
    return chunk("", choices=[{"index": 0, "message": {"role": "assistant", "content": text} | more, "finish_reason": finish}])


DONE = event(b"[DONE]")
STOP = delta(None, "stop")
GOOD = delta("Hello ") + delta("there.") + STOP + DONE
LINES = [{"message": {"role": "assistant", "content": text}, "done": False} for text in ("Hello", " there", ".")]
PICTURE = "data:image/png;base64," + "iVBORw0K" * 190_000


def _lines(*documents: object) -> bytes:
    return b"\n".join(json.dumps(document).encode() for document in documents) + b"\n"


ODD_STREAMS: dict[str, bytes] = {
    "the whole message in the last frame": delta("Hello ") + delta("there.") + event(whole(HELLO)) + DONE,
    "the whole message beside an empty delta": delta("Hello ")
    + delta("there.")
    + event(chunk("", choices=[{"index": 0, "delta": {}, "message": {"content": HELLO}, "finish_reason": "stop"}])),
    "the whole message twice": event(whole(HELLO)) + event(whole(HELLO)) + DONE,
    "everything so far in each delta": delta("Hello") + delta("Hello there") + delta(HELLO) + STOP + DONE,
    "everything so far in each message": event(whole("Hello", None)) + event(whole("Hello there", None)) + event(whole(HELLO)) + DONE,
    "pieces as messages": event(whole("Hello", None)) + event(whole(" there", None)) + event(whole(".")) + DONE,
    "content as a list of parts": delta([{"type": "text", "text": "Hello "}]) + delta([{"type": "text", "text": "there."}]) + STOP + DONE,
    "text instead of delta": event({"choices": [{"index": 0, "text": "Hello "}]})
    + event({"choices": [{"text": "there.", "finish_reason": "stop"}]}),
    "delta as a string": event({"choices": [{"delta": "Hello "}]}) + event({"choices": [{"delta": "there.", "finish_reason": "stop"}]}),
    "text within the delta": delta(None, text="Hello ") + delta(None, text="there.") + STOP,
    "role-only frames": delta(None, role="assistant") + delta("", role="assistant") + GOOD,
    "tool calls beside words": delta(None, tool_calls=[{"id": "1", "function": {"name": "x", "arguments": "{"}}]) + GOOD,
    "several choices": delta("Hello ")
    + event({"choices": [{"index": 1, "delta": {"content": "Another"}}]})
    + event(
        {"choices": [{"index": 1, "delta": {"content": " one"}}, {"index": 0, "delta": {"content": "there."}, "finish_reason": "stop"}]}
    )
    + DONE,
    "only the second choice": event({"choices": [{"index": 1, "delta": {"content": HELLO}, "finish_reason": "stop"}]}) + DONE,
    "no choices in between": event({"choices": []}) + event({"id": "x"}) + delta("Hello ") + event({}) + delta("there.") + STOP + DONE,
    "null everywhere": event({"choices": [{"index": None, "delta": {"content": None, "role": None}, "finish_reason": None}], "usage": None})
    + GOOD,
    "a blank data line": b"data:\n\n" + GOOD,
    "blank lines and a bare data": b"\n\n\ndata\n\ndata: \n\n" + GOOD,
    "comments": b": ping\n\n:\n\n" + GOOD.replace(b"data:", b": keep-alive\ndata:"),
    "event and id lines": GOOD.replace(b"data:", b"event: message\nid: 7\nretry: 3000\ndata:"),
    "a byte order mark": b"\xef\xbb\xbf" + GOOD,
    "carriage returns": GOOD.replace(b"\n", b"\r\n"),
    "carriage returns alone": GOOD.replace(b"\n", b"\r"),
    "no blank after the colon": GOOD.replace(b"data: ", b"data:"),
    "single line ends": GOOD.replace(b"\n\n", b"\n"),
    "data over several lines": b'data: {"choices": [{"delta":\ndata: {"content": "Hello there."}, "finish_reason": "stop"}]}\n\n' + DONE,
    "the prefix twice": GOOD.replace(b"data: ", b"data: data: "),
    "no end marker": delta("Hello ") + delta("there.") + STOP,
    "no last blank line": GOOD.rstrip(b"\n"),
    "the end marker in quotation marks": delta(HELLO) + b'data: "[DONE]"\n\n',
    "a frame that is no JSON": b"data: {not json\n\n" + GOOD,
    "a frame of plain words": delta("Hello ") + b"data: processing\n\n" + delta("there.") + STOP,
    "a number, a string and null as frames": b'data: 42\n\ndata: "x"\n\ndata: null\n\ndata: []\n\n' + GOOD,
    "garbage after the end": GOOD + b"\x00\xff<html>",
    "garbage before the stream": b"OK\n\n" + GOOD,
    "a frame within a list": event([chunk("Hello "), chunk("there.")]) + STOP,
    "lines of JSON": _lines(chunk("Hello "), chunk("there."), chunk("", choices=[{"delta": {}, "finish_reason": "stop"}])),
    "Ollama's lines": _lines(
        *LINES, {"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop", "eval_count": 3}
    ),
    "Ollama's older lines": _lines(
        {"response": "Hello ", "done": False}, {"response": "there.", "done": False}, {"response": "", "done": True}
    ),
    "Anthropic's events": b"".join(
        b"event: x\n" + event(document)
        for document in (
            {"type": "message_start", "message": {"model": "c", "content": [], "usage": {"input_tokens": 5}}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "ping"},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello "}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "there."}},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 4}},
            {"type": "message_stop"},
        )
    ),
    "Google's chunks": event({"candidates": [{"content": {"parts": [{"text": "Hello "}]}}]})
    + event({"candidates": [{"content": {"parts": [{"text": "there."}]}, "finishReason": "STOP"}]}),
    "Responses' events": event({"type": "response.output_text.delta", "delta": "Hello "})
    + event({"type": "response.output_text.delta", "delta": "there."})
    + event({"type": "response.completed", "response": {"object": "response", "status": "completed", "output": []}}),
    "Hugging Face's tokens": event({"token": {"text": "Hello "}, "generated_text": None})
    + event({"token": {"text": "there."}, "generated_text": HELLO, "details": {"finish_reason": "eos_token"}}),
    "a picture in a frame of its own": delta("Hello ")
    + delta("there.")
    + delta(None, images=[{"image_url": {"url": PICTURE}}])
    + STOP
    + DONE,
    "a picture beside the words": delta(HELLO, images=[{"image_url": {"url": PICTURE}}]) + STOP + DONE,
    "thoughts without measure": delta(None, reasoning="Hm. " * 500_000) + GOOD,
    "many thoughts": delta(None, reasoning_content="Hm. " * 10_000) * 60 + GOOD,
    "tool calls without measure": delta(None, tool_calls=[{"function": {"arguments": "x" * 2_000_000}}]) + GOOD,
    "a line without measure": b"data: " + b"[" * 3_000_000 + b"\n\n" + GOOD,
    "a comment without measure": b": " + b"x" * 3_000_000 + b"\n\n" + GOOD,
    "usage late and twice": GOOD[: -len(DONE)]
    + event({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 3}})
    + event({"usage": {}})
    + DONE,
}
"""Name -> a body that says "Hello there.", whatever its content type."""

_WHOLE = json.dumps(whole(HELLO)).encode()
ODD_BODIES: dict[str, bytes] = {
    "one document": _WHOLE,
    "over many lines": json.dumps(whole(HELLO), indent=2).encode(),
    "with a byte order mark": b"\xef\xbb\xbf" + _WHOLE,
    "with blanks around": b"\n\n  " + _WHOLE + b"\r\n\r\n",
    "with something behind it": _WHOLE + b"\n<!-- cached -->",
    "in a list": b"[" + _WHOLE + b"]",
    "with content in parts": json.dumps(whole([{"type": "text", "text": "Hello "}, {"type": "text", "text": "there."}])).encode(),
    "with a picture": json.dumps(whole(HELLO, images=[{"image_url": {"url": PICTURE}}])).encode(),
    "with a picture among the parts": json.dumps(
        whole([{"type": "text", "text": HELLO}, {"type": "image_url", "image_url": {"url": PICTURE}}])
    ).encode(),
    "Anthropic's": json.dumps({"type": "message", "content": [{"type": "text", "text": HELLO}], "stop_reason": "end_turn"}).encode(),
    "Google's": json.dumps([{"candidates": [{"content": {"parts": [{"text": HELLO}]}, "finishReason": "STOP"}]}]).encode(),
    "Ollama's": json.dumps({"message": {"role": "assistant", "content": HELLO}, "done": True}).encode(),
    "Cohere's": json.dumps(
        {"message": {"role": "assistant", "content": [{"type": "text", "text": HELLO}]}, "finish_reason": "COMPLETE"}
    ).encode(),
    "llama.cpp's": json.dumps({"content": HELLO, "stop": True}).encode(),
    "Responses'": json.dumps(
        {"object": "response", "status": "completed", "output": [{"type": "message", "content": [{"type": "output_text", "text": HELLO}]}]}
    ).encode(),
    "Hugging Face's": json.dumps([{"generated_text": HELLO}]).encode(),
    "a completion's text": json.dumps({"choices": [{"text": HELLO, "finish_reason": "stop"}]}).encode(),
    "compressed": gzip.compress(_WHOLE),
    "an event stream, compressed": gzip.compress(GOOD),
}
"""Name -> the same unstreamed; the compressed ones without a header that says so."""
DEFLATED = zlib.compress(GOOD)
TYPES = ["text/event-stream", "text/plain", "application/json", "application/x-ndjson", "text/html", "application/octet-stream", ""]
