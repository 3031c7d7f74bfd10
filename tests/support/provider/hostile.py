"""What no client should choke on: bodies of every wrong kind, and a stream that breaks off."""

import json

from engine.fault import Category
from tests.support.provider.server import Raw, chunk, event

CUT = [event(chunk("Once upon ")), event(chunk("a time "))]
"""The first words of an answer."""


def _deep(levels: int) -> bytes:
    return b'{"choices":' + b"[" * levels + b"]" * levels + b"}"


def _message(**message: object) -> bytes:
    return json.dumps({"id": "x", "choices": [{"index": 0, "message": {"role": "assistant"} | message, "finish_reason": "stop"}]}).encode()


HOSTILE: list[tuple[str, Raw]] = [
    ("html", Raw(b"<html><body>502 Bad Gateway</body></html>", 200, "text/html")),
    ("html with an error status", Raw(b"<html><body>oops</body></html>", 503, "text/html")),
    ("empty", Raw(b"")),
    ("blanks", Raw(b"   \n  ")),
    ("a number", Raw(b"42")),
    ("a string", Raw(b'"hello"')),
    ("null", Raw(b"null")),
    ("a list", Raw(b"[]")),
    ("an empty object", Raw(b"{}")),
    ("no choices", Raw(b'{"choices": []}')),
    ("choices null", Raw(b'{"choices": null}')),
    ("choices an object", Raw(b'{"choices": {"0": 1}}')),
    ("choice a string", Raw(b'{"choices": ["hello"]}')),
    ("message null", Raw(b'{"choices": [{"message": null}]}')),
    ("content null", Raw(_message(content=None))),
    ("content a number", Raw(_message(content=42))),
    ("content an object", Raw(_message(content={"picture": "x"}))),
    ("content blank", Raw(_message(content="  \n "))),
    ("tool calls instead of words", Raw(_message(content=None, tool_calls=[{"id": 1, "function": {"name": "rm", "arguments": "{{{"}}]))),
    ("half an object", Raw(b'{"choices": [{"message": {"content": "hel')),
    ("two objects", Raw(_message(content=None) + _message(content=None))),
    ("invalid utf-8 around", Raw(b"\xff\xfe\xfa" * 100)),
    ("utf-16", Raw('{"choices": []}'.encode("utf-16"))),
    ("deep nesting", Raw(_deep(100_000))),
    ("a body of 50 MB", Raw(b'{"choices": [{"message": {"content": "' + b"x" * 50_000_000 + b'"}}]}')),
    ("50 MB of blanks", Raw(b" " * 50_000_000)),
    ("gzip that is none", Raw(b"hello", headers=(("content-encoding", "gzip"),))),
    ("a redirect", Raw(b"", 302, headers=(("location", "http://169.254.169.254/latest/meta-data"),))),
    ("informational nonsense", Raw(b"{}", 299)),
    ("error with a list inside", Raw(b'{"error": {"code": [1], "message": {"a": 1}, "metadata": 7}}', 400)),
    ("numbers beyond measure", Raw(b'{"choices": [], "usage": {"prompt_tokens": 1e999, "completion_tokens": -5, "cost": "NaN"}}')),
]
EXPECTED = {Category.BAD_RESPONSE, Category.EMPTY_RESPONSE, Category.SERVER_ERROR, Category.BAD_REQUEST, Category.UNKNOWN}
EXPECTED |= {Category.WRONG_ADDRESS}
"""What such a body may be called."""
