"""Memories in the formats of before are read, and whatever else is in a file is counted with its reason (D3, G6)."""

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from engine.oldmemories import reading
from engine.oldmemories.reading import LONGEST
from tests.support.examples import examples

SUMMARY = {"id": "a/b", "senders": ["s1", "s2", "s1"], "result": "Ada told Wren of her boat.", "group": True, "deleted": False}
SUMMARY |= {"metadata": {"created_at": 1700000000.5, "discord_channel_id": "123456789012345678", "discord_guild_id": ""}}
VERBATIM = {"sourceSystem": "tzurot-v3", "content": "{user}: Hi.\n{assistant}: Hello.", "personaId": "p", "channelId": "123456789012345678"}
VERBATIM |= {"guildId": "223456789012345678", "createdAt": "2024-05-06T07:08:09Z"}
NAMES = st.sampled_from([*SUMMARY, *VERBATIM, "discord_channel_id", "created_at", "createdAt", "deletedAt"])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=6), max_leaves=20)


def test_both_formats_are_read() -> None:
    """A memory of several senders is one of each; places and times are understood in both spellings."""
    odd = [SUMMARY | {"deleted": True}, SUMMARY | {"result": " "}, SUMMARY | {"senders": [], "metadata": {}}, "nonsense"]
    found = reading.read(json.dumps([SUMMARY, VERBATIM, SUMMARY, *odd]).encode())
    one, two, three = found.memories
    assert (one.sender, two.sender, one.text, one.origin, one.channel, one.guild) == (
        *("s1", "s2", "Ada told Wren of her boat.", "shapes_inc"),
        *(123456789012345678, None),
    )
    assert one.at == datetime(2023, 11, 14, 22, 13, 20, 500_000, tzinfo=UTC)
    assert (three.sender, three.origin, three.guild) == ("p", "verbatim", 223456789012345678)
    assert three.at == datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
    assert found.left_out == {"deleted": 1, "empty": 1, "no sender": 1, "no memory": 1}


@examples(20)
@given(st.lists(JSON | st.dictionaries(NAMES, JSON, max_size=8), max_size=6))
def test_any_file_is_read_or_counted(rows: list[object]) -> None:
    """Nothing of a stranger's file stops it; each row is a memory or has its reason; texts fit an event."""
    found = reading.read(json.dumps(rows).encode())
    assert not found.sentence
    assert all(0 < len(one.text) <= LONGEST for one in found.memories)
    assert sum(found.left_out.values()) <= len(rows)


@given(st.binary(max_size=200))
def test_what_is_no_such_file_is_told(content: bytes) -> None:
    """In a sentence."""
    assert reading.read(content).memories == ()
