"""What a change of a lorebook's entries comes to, whatever is in it."""

from hypothesis import given
from hypothesis import strategies as st

from engine import ids
from engine.actor import Actor
from engine.decide.craft.lorebook import SetEntries, State, decide, evolve
from engine.events.lorebook import LoreEntriesSet
from engine.resources.craft.lorebook import LorebookSheet

BOOK = ids.derived("lorebook", "of the test")
ENTRIES = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["owl", "hen"])), max_size=6)


@given(ENTRIES, ENTRIES)
def test_of_entries_with_the_same_number_the_last_one_counts(before: list[tuple[int, str]], later: list[tuple[int, str]]) -> None:
    """No event names a number twice, and the book holds the last of each as it was given."""
    state = _after(State(BOOK, 7, LorebookSheet(name="Owls")), before)
    held = _after(state, later)
    assert {uid: entry["content"] for uid, entry in held.entries.items()} == dict(before) | dict(later)


def _after(state: State, entries: list[tuple[int, str]]) -> State:
    command = SetEntries(BOOK, [{"uid": uid, "content": content} for uid, content in entries])
    for event in decide(state, command, Actor("person", 7)):
        assert isinstance(event, LoreEntriesSet)
        assert len(set(event.uids)) == len(event.uids)
        state = evolve(state, event)
    return state
