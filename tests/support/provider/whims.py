"""Good answers in forms that gateways and local servers are seen to make of them: wrapped, encoded twice, ended twice."""

import gzip
import json
import zlib

from tests.support.provider.odd import DONE, HELLO, STOP, delta, whole
from tests.support.provider.server import event

_WHOLE = json.dumps(whole(HELLO)).encode()
_LAST = event({"id": "1", "choices": [{"index": 0, "delta": {"content": "there."}, "finish_reason": "stop"}]})
_ONE, _TWO = (json.dumps({"choices": [{"delta": {"content": text}}]}).encode() for text in ("Hello ", "there."))


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
    "in UTF-16 with its mark": _WHOLE.decode().encode("utf-16"),
    "in UTF-16 without it": _WHOLE.decode().encode("utf-16-be"),
    "compressed twice": gzip.compress(gzip.compress(_WHOLE)),
    "deflated, and no header says so": zlib.compress(_WHOLE),
    "compressed UTF-16": gzip.compress(_WHOLE.decode().encode("utf-16")),
}
"""Name -> the same unstreamed."""
