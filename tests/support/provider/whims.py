"""Good answers in forms that gateways and local servers are seen to make of them: wrapped, encoded twice, ended twice."""

import gzip
import json
import zlib

from tests.support.provider.odd import DONE, GOOD, HELLO, STOP, delta, whole
from tests.support.provider.server import event

_WHOLE = json.dumps(whole(HELLO)).encode()
_LAST = event({"id": "1", "choices": [{"index": 0, "delta": {"content": "there."}, "finish_reason": "stop"}]})
_ONE, _TWO = (json.dumps({"choices": [{"delta": {"content": text}}]}).encode() for text in ("Hello ", "there."))
_PROBABILITIES = {"content": [{"token": "a", "bytes": [98] * 400}] * 800}
_CITED = [{"type": "url_citation", "url_citation": {"url": "https://x.example/" + "a" * 100, "content": "c" * 1000}}] * 1_000
_NUMBERS = [1.5] * 220_000
"""Each beyond what a line may hold."""


def _choice(**more: object) -> bytes:
    return event({"choices": [{"index": 0} | more]})


def _told(*documents: dict[str, object]) -> bytes:
    return b"".join(map(event, documents))


STREAMS: dict[str, bytes] = {
    "the last frame twice": delta("Hello ") + _LAST + _LAST + DONE,
    "the end marker twice, and again": delta(HELLO) + STOP + STOP + DONE + DONE,
    "the field in capitals": (delta("Hello ") + delta("there.") + STOP).replace(b"data:", b"Data:"),
    "the end marker in small letters": delta(HELLO) + b"data: [done]\n\n",
    "the end marker with blanks": delta(HELLO) + b"data: [ DONE ]\n\n",
    "an event named done": delta(HELLO) + b"event: done\ndata: \n\n",
    "an event named end, with an empty object": delta(HELLO) + b"event: end\r\ndata: {}\r\n\r\n",
    "two objects in one line": b"data: " + _ONE + b"data: " + _TWO + b"\n\n" + STOP,
    "line breaks escaped": b"data: " + _ONE + b"\\n\\ndata: " + _TWO + b"\n\n" + STOP,
    "objects without anything between": _ONE + _TWO + b'{"choices": [{"delta": {}, "finish_reason": "stop"}]}',
    "an integer of 5,000 digits": b'data: {"created": '
    + b"9" * 5000
    + b', "choices": [{"delta": {"content": "Hello there."}}]}\n\n'
    + DONE,
    "choices without a list": _told({"choices": {"delta": {"content": "Hello "}}}, {"choices": {"0": {"delta": {"content": "there."}}}})
    + DONE,
    "an error of nothing": delta("Hello ")
    + _told({"error": {"message": None, "code": 0}, "choices": [{"delta": {"content": "there."}}]})
    + STOP,
    "tokens by name": _told({"token": "Hello "}, {"token": "there."}, {"token": "", "finish_reason": "stop"}),
    "responses by name": _told({"response": "Hello "}, {"response": "there."}) + DONE,
    "Cohere's second version": _told(
        {"type": "message-start", "delta": {"message": {"role": "assistant", "content": []}}},
        {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "Hello "}}}},
        {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "there."}}}},
        {"type": "message-end", "delta": {"finish_reason": "COMPLETE"}},
    ),
    "Cohere's first version": b"\n".join(
        json.dumps(document).encode()
        for document in (
            {"event_type": "text-generation", "text": "Hello "},
            {"event_type": "text-generation", "text": "there."},
            {"event_type": "stream-end", "finish_reason": "COMPLETE", "response": {"text": HELLO}},
        )
    ),
    "in UTF-16": (delta("Hello ") + delta("there.") + STOP).decode().encode("utf-16-le"),
    "probabilities without measure beside the words": _choice(delta={"content": "Hello "})
    + _choice(delta={"content": "there."}, logprobs=_PROBABILITIES, finish_reason="stop"),
    "citations without measure within the delta": delta(HELLO, annotations=_CITED) + STOP,
    "numbers without measure before the words": event({"x": _NUMBERS, "choices": [{"delta": {"content": HELLO}, "finish_reason": "stop"}]}),
    "counts without measure": delta("Hello ")
    + event({"choices": [{"delta": {"content": "there."}}], "usage": {"each": {f"{i:01000}": i for i in range(1_200)}}})
    + STOP,
    "a name of a field without measure": event({"k" * 1_200_000: 1, "choices": [{"delta": {"content": HELLO}, "finish_reason": "stop"}]}),
    "an event's name without measure": b"event: " + b"x" * 1_200_000 + b"\n" + GOOD,
    "base64 without a form in between": delta("Hello ") + b"iVBORw0K" * 150_000 + b"\n\n" + delta("there.") + STOP,
    "data over very many lines": b'data: {"x": [\n'
    + (b"data: " + b"1.5," * 250 + b"\n") * 1_200
    + b'data: 1], "choices": [{"delta": {"content": "Hello there."}, "finish_reason": "stop"}]}\n\n',
    "a picture of Anthropic's form": event(
        {"type": "content_block_start", "content_block": {"type": "image", "source": {"type": "base64", "data": "iVBO" * 300_000}}}
    )
    + _told({"type": "content_block_delta", "delta": {"text": HELLO}}, {"type": "message_stop"}),
    "brackets without measure in between": delta("Hello ") + b'data: {"x": ' + b"[" * 1_200_000 + b"\n\n" + delta("there.") + STOP,
    "how far it is": event({"message": "processing"}) + event({"status": "queued", "position": 4}) + GOOD,
    "that all is well": event({"code": 0, "message": "success"}) + event({"error": {"code": 200, "message": "OK"}}) + GOOD,
    "all of it once more in the last piece": delta("Hello ") + delta("there.") + delta(HELLO, "stop"),
    "all of it once more in the last text": _choice(text="Hello ") + _choice(text="there.") + _choice(text=HELLO, finish_reason="stop"),
    "all of it once more in Ollama's last line": _told(
        {"response": "Hello ", "done": False}, {"response": "there.", "done": False}, {"response": HELLO, "done": True}
    ),
    "a text that is done": _told({"type": "response.output_text.done", "text": HELLO}, {"type": "response.completed", "response": {}}),
    "each text told three times": _told(
        {"type": "response.output_text.delta", "delta": "Hello "},
        {"type": "response.output_text.delta", "delta": "there."},
        {"type": "response.output_text.done", "text": HELLO},
        {
            "type": "response.completed",
            "response": {"object": "response", "output": [{"content": [{"type": "output_text", "text": HELLO}]}]},
        },
    ),
    "delta and message beside each other": _choice(delta={"content": "Hello "}, message={"content": "Hello "})
    + _choice(delta={"content": "there."}, message={"content": HELLO}, finish_reason="stop"),
    "the end marker behind the last object": delta("Hello ") + b'data: {"choices": [{"delta": {"content": "there."}}]} [DONE]\n\n',
    "a list without its end": b"[" + _ONE + b",\n" + _TWO + b',\n{"choices": [{"delta": {}, "finish_reason": "stop"}]}\n',
    "a mark of the byte order before each line": GOOD.replace(b"data:", b"\xef\xbb\xbfdata:"),
    "lengths of chunks between them": b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (delta("Hello "), delta("there."), STOP)),
    "a head of HTTP before it": b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + GOOD,
    "commas too many": delta("Hello ") + b'data: {"choices": [{"delta": {"content": "there.",},"finish_reason": "stop",},],}\n\n',
    "names twice": b'data: {"choices": [], "choices": [{"delta": {"content": "Hello there."}, "finish_reason": "stop"}]}\n\n',
    "no numbers": b'data: {"choices": [{"delta": {"content": "Hello there."}, "x": NaN, "y": -Infinity, "finish_reason": "stop"}]}\n\n',
    "counts that cannot be": delta("Hello ")
    + event({"choices": [], "usage": {"prompt_tokens": -5, "completion_tokens": 1e300, "cost": "free"}})
    + delta("there.")
    + STOP,
}
"""Name -> a stream that says "Hello there." once."""

BODIES: dict[str, bytes] = {
    "encoded twice": json.dumps(_WHOLE.decode()).encode(),
    "within data": json.dumps({"data": whole(HELLO)}).encode(),
    "within result": json.dumps({"result": whole(HELLO), "success": True, "errors": [], "messages": []}).encode(),
    "a response within result": json.dumps({"result": {"response": HELLO}, "success": True, "errors": []}).encode(),
    "KoboldCpp's": json.dumps({"results": [{"text": HELLO, "finish_reason": "stop"}]}).encode(),
    "Bedrock's": json.dumps(
        {"output": {"message": {"role": "assistant", "content": [{"text": HELLO}]}}, "stopReason": "end_turn"}
    ).encode(),
    "Qwen's": json.dumps({"output": {"text": HELLO, "finish_reason": "stop"}}).encode(),
    "Qwen's choices": json.dumps({"output": {"choices": [{"message": {"content": HELLO}, "finish_reason": "stop"}]}}).encode(),
    "Replicate's": json.dumps({"output": ["Hello ", "there."], "status": "succeeded"}).encode(),
    "Anthropic's first": json.dumps({"type": "completion", "completion": HELLO, "stop_reason": "stop_sequence"}).encode(),
    "Cohere's first": json.dumps({"text": HELLO, "finish_reason": "COMPLETE"}).encode(),
    "content that is one part": json.dumps(whole({"type": "text", "text": HELLO})).encode(),
    "content with parts by name": json.dumps(whole({"parts": [HELLO]})).encode(),
    "a text with a value": json.dumps(whole([{"type": "text", "text": {"value": HELLO}}])).encode(),
    "messages in a choice": json.dumps({"choices": [{"messages": [{"content": HELLO}], "finish_reason": "stop"}]}).encode(),
    "output_text alone": json.dumps({"object": "response", "status": "completed", "output": [], "output_text": HELLO}).encode(),
    "a tab written as it is": _WHOLE.replace(b'"id"', b'"x": "\t", "id"', 1),
    "over many lines without measure": json.dumps({"x": _NUMBERS} | whole(HELLO)).replace("1.5, " * 500, "1.5,\n" + "1.5," * 499).encode(),
    "probabilities without measure": json.dumps({"choices": [{"message": {"content": HELLO}, "logprobs": _PROBABILITIES}]}).encode(),
    "a message alone": json.dumps({"role": "assistant", "content": HELLO}).encode(),
    "a text alone": json.dumps({"output_text": HELLO}).encode(),
    "Triton's": json.dumps({"outputs": [{"text": HELLO, "finish_reason": "stop"}]}).encode(),
    "Cohere's generations": json.dumps({"generations": [{"text": HELLO}]}).encode(),
    "beside that all is well": json.dumps({"code": 200, "msg": "success", "data": whole(HELLO)}).encode(),
    "in a fence": b"```json\n" + _WHOLE + b"\n```",
    "deflated by another level": zlib.compress(_WHOLE, 5),
    "in UTF-16 with its mark": _WHOLE.decode().encode("utf-16"),
    "in UTF-16 without it": _WHOLE.decode().encode("utf-16-be"),
    "compressed twice": gzip.compress(gzip.compress(_WHOLE)),
    "deflated, and no header says so": zlib.compress(_WHOLE),
    "compressed UTF-16": gzip.compress(_WHOLE.decode().encode("utf-16")),
}
"""Name -> the same unstreamed."""
