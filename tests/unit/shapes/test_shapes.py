"""Backups of shapes.inc: every field mapped or kept, counts add up, nothing odd stops the rest (G3)."""

import gc
import io
import json
import re
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.cards.pieces import pieces
from engine.cards.refusal import Unreadable
from engine.chatlogs.log import ChatLog
from engine.chatlogs.reading import read_chats
from engine.shapes.backup import read_backup, unzipped
from engine.shapes.mapping import planned
from tests.support import shapes as made
from tests.support.examples import examples

CANARY = re.compile(r"canary [a-z_]+(?: \d+)?")


def test_every_field_is_mapped_or_kept_or_named() -> None:
    """Each token of the backup stands somewhere in the plan; what has no place is named."""
    plan = planned(read_backup(made.opened(made.raw())))
    everything = json.dumps([plan.character, plan.preset, repr(plan.memories), repr(plan.chat), repr(list(plan.chat.lines))], default=str)
    wanted = set(CANARY.findall(json.dumps(made.files()))) - {"canary gone"}
    assert sorted(wanted - set(CANARY.findall(everything))) == []
    told = "\n".join(plan.told)
    assert [name for name in ("credits_used", "user_id") if f"{name}: left out" not in told] == []
    named = ("id", "senders", "summary_type", "metadata.start_ts", "metadata.end_ts", "metadata.msg_ids", "story_type")
    assert f"Kept beside each memory, as it is: {', '.join(named)}" in plan.told
    assert plan.character["custom"]["never seen before"] == {"deep": ["canary unknown"]}
    assert (plan.character["slug"], plan.character["greeting"], plan.character["visibility"]) == ("mochi", "canary greeting", "private")
    assert (plan.preset["model"], plan.preset["parameters"]["temperature"], plan.preset["window"]) == (
        "openai/gpt-4o",
        0.8,
        {"max_messages": 12},
    )


def test_the_counts_add_up() -> None:
    """Records are memories or skipped, with why; a long one is several; the conversation has its times and earlier versions."""
    plan = planned(read_backup(unzipped(made.zipped(made.raw()))))
    assert plan.records == 7
    assert dict(plan.skipped) == {"deleted there": 1, "empty": 1, "no record": 1}
    firsts = [memory for memory in plan.memories if memory.part == 0]
    assert len(firsts) + sum(plan.skipped.values()) == plan.records
    assert [memory.part for memory in plan.memories if memory.text.startswith("long")] == [0, 1]
    assert firsts[0].at is not None
    assert firsts[0].at.isoformat() == "2024-05-03T16:05:09.250000+00:00"
    first, reply = list(plan.chat.lines)[:2]
    assert (first.shown.text, reply.shown.text, [one.text for one in reply.variants]) == (
        *("canary said 0", "canary reply 0"),
        ["canary earlier", "canary reply 0"],
    )
    assert first.shown.at is not None
    assert first.shown.at.microsecond == 123456
    assert (len(plan.chat.lines), len(plan.chat.bad)) == (5, 2)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"a.json": b"{}"},
        {"a.json": b"{"},
        {"a.json": b"[" * 100_000},
        {"a/a.json": json.dumps(made.config()).encode(), "b/b.json": json.dumps(made.config()).encode()},
    ],
)
def test_what_is_no_backup_is_refused_in_a_sentence(files: dict[str, bytes]) -> None:
    with pytest.raises(Unreadable, match=r"\.$"):
        read_backup(made.opened(files))


def test_a_bomb_and_a_damaged_zip_are_refused() -> None:
    """Without unpacking what they claim to hold."""
    whole = made.zipped(made.raw())
    for raw in (b"PK\x05\x06", whole[:-30], whole.replace(zlib.compress(b"x")[:1], b"y")):
        with pytest.raises(Unreadable):
            read_backup(unzipped(raw))
    with pytest.raises(Unreadable, match="too many files"):
        unzipped(made.zipped({f"{n}.json": b"" for n in range(1_001)}))


def test_a_long_history_is_never_whole_in_memory() -> None:
    """Neither when it is looked at nor when its lines are made, as often as they are asked for; also a long chat log."""
    said = [{"id": str(n), "message": f"said {n} {'x' * 400}", "reply": f"reply {n}", "ts": 1714752309 + n} for n in range(3_000)]
    zipped = made.zipped(made.raw() | {"mochi/mochi_chat_history.json": json.dumps({"messages": said, "shape_id": "s"}).encode()})
    lines = b"".join(json.dumps({"name": "Ada", "is_user": True, "mes": one["message"]}).encode() + b"\n" for one in said)
    ways: tuple[Callable[[], ChatLog], ...] = (lambda: planned(read_backup(unzipped(zipped))).chat, lambda: read_chats(lines)[0])
    for read in ways:
        tracemalloc.start()
        try:
            log = read()
            texts = [sum(len(line.shown.text) for line in log.lines) for _ in range(2)]
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert len(log.lines) >= 3_000
        assert min(texts) > 1_200_000
        assert most < 2_000_000


def test_the_collector_has_one_object_to_look_at_for_each_memory() -> None:
    """It stops everybody while it walks: what a memory consists of is nothing that it follows, however much its record says."""
    plan = planned(read_backup(made.opened(made.raw())))
    gc.collect()
    inside = [part for one in plan.memories for part in gc.get_referents(one) if not isinstance(part, type)]
    assert len(inside) > 20
    assert [part for part in inside if gc.is_tracked(part)] == []


def test_pieces_are_what_the_whole_document_is() -> None:
    """Wherever a reading ends: in a name, a number, an escape, a letter of several bytes."""
    tree = {"é": ["ü" * 70_000, {"a": [1, 2.5, None, True]}, 123456], "b": {"c": "😀"}, "d": [], "e": 12, "f": [[]]}
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"):
        for raw in (json.dumps(tree, indent=1), json.dumps(tree, ensure_ascii=False)):
            found: dict[str, object] = {}
            for one in pieces(_Slow(raw.encode(encoding))):
                assert one.name is not None
                if one.listed:
                    found.setdefault(one.name, []).append(one.value)  # type: ignore[attr-defined]  # one of the named, as asked above
                else:
                    found[one.name] = one.value
            assert found == tree
    for broken in ("[1,]", "[1 2]", '{"a"}', '{"a":1,}', "[1]2", "", "[", '{"a":[1}', "nul"):
        with pytest.raises(ValueError, match=r"."):
            list(pieces(io.BytesIO(broken.encode())))


class _Slow(io.BytesIO):
    """A file that gives a few bytes at a time."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size or 0, 3_001))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=8) | st.sampled_from(["result", "metadata", "ts"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@examples(18)
@given(st.dictionaries(st.sampled_from(sorted(made.config())), _JSON), _JSON, _JSON, st.lists(_JSON, max_size=4))
def test_any_json_in_any_field_is_taken_or_told(config: dict[str, object], memory: object, story: object, messages: list[object]) -> None:
    """Whatever a field holds, the rest comes in; records are counted."""
    files = {
        "mochi.json": made.config() | config | {"id": "1", "name": "Mochi", "username": "mochi"},
        "mochi_memories.json": [memory],
        "mochi_knowledge.json": [story],
        "mochi_chat_history.json": {"messages": messages},
    }
    plan = planned(read_backup(made.opened({name: json.dumps(tree).encode() for name, tree in files.items()})))
    firsts = [one for one in plan.memories if one.part == 0]
    assert len(firsts) + sum(plan.skipped.values()) == plan.records == 2
