"""Frames of the gateway as nextcord can read them. Pure."""

import json

import nextcord.client
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bot.discord.client
from bot.discord.frames import Socket, readable

DISPATCH = '{"op":0,"d":%s,"s":1,"t":"MESSAGE_CREATE"}'
VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3))


def test_the_client_reads_by_them() -> None:
    """Whoever takes that out gets a connection that any frame ends."""
    assert bot.discord.client.Client is not None
    assert nextcord.client.DiscordWebSocket is Socket


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ('{"content":"a\\ud800b"}', {"content": "a\ufffdb"}),
        ('{"content":"a\\u0000b"}', {"content": "ab"}),
        ('{"\\udc00":1}', {"\ufffd": 1}),
        ('{"content":"\\ud83d\\ude00"}', {"content": "\U0001f600"}),
        ('{"id":' + "9" * 5_000 + "}", {"id": None}),
        ('{"id":NaN,"size":-Infinity,"at":1e999}', {"id": None, "size": None, "at": None}),
        ('{"content":"a\tb"}', {"content": "a\tb"}),
        ("null", None),
        ("[1]", [1]),
    ],
)
def test_what_others_cannot_read_is_mended(sent: str, read: object) -> None:
    """The rest of the dispatch stays, and its number."""
    mended = readable(DISPATCH % sent)
    assert mended is not None
    assert orjson.loads(mended) == {"op": 0, "d": read, "s": 1, "t": "MESSAGE_CREATE"}


NONE = ("", "[]", "null", "1", "{", "{}", '{"op":"0"}', '{"op":true}', '{"op":null}', "[" * 100_000, '{"op":0,"d":' * 500)


@pytest.mark.parametrize("frame", NONE)
def test_what_is_no_frame_is_none(frame: str) -> None:
    assert readable(frame) is None


@given(st.dictionaries(st.sampled_from(["op", "d", "s", "t"]) | st.text(max_size=3), VALUES), st.booleans())
def test_whatever_is_read_has_what_is_taken_for_granted(frame: dict[str, object], ascii_only: bool) -> None:
    """A number and a kind of their types or none; what was a good frame stays as it was."""
    text = json.dumps(frame, ensure_ascii=ascii_only).encode("utf-8", "replace").decode()
    if (found := readable(text)) is None:
        op = frame.get("op")
        assert not isinstance(op, int) or isinstance(op, bool) or abs(op) >= 2**63
        return
    read = orjson.loads(found)
    assert type(read["op"]) is int
    assert read["s"] is None or type(read["s"]) is int
    assert read["t"] is None or isinstance(read["t"], str)
    if read["t"] in ("READY", "RESUMED"):
        assert isinstance(read["d"], dict)
        assert read["d"] == {} or read["d"]["_trace"] == []
