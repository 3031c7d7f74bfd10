"""Whatever strangers write into a lorebook, a scan ends, is reproducible and keeps to its budget (I3, R40)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.lore import Book, Entry, Globals, Line, Scene, TimedState, Unsupported, evaluate, place
from engine.lore.keys import Text, matches, pattern_of
from tests.support.examples import examples

WORDS = st.sampled_from(["harbor", "lamp", "Tide", "mole", "owl", "{{user}}", "/ow./i", "/(?=x)/", "/[/", "", " ", "ß", "İ", "龙门", "C++"])
KEYS = st.lists(st.one_of(WORDS, st.text(max_size=12)), max_size=4).map(tuple)
ENTRIES: st.SearchStrategy[dict[str, object]] = st.builds(
    dict,
    key=KEYS,
    keysecondary=KEYS,
    content=st.one_of(WORDS, st.text(max_size=60)),
    constant=st.booleans(),
    selectiveLogic=st.integers(-1, 4),
    order=st.integers(-5, 200),
    position=st.integers(-1, 8),
    ignoreBudget=st.booleans(),
    excludeRecursion=st.booleans(),
    preventRecursion=st.booleans(),
    delayUntilRecursion=st.integers(0, 3),
    probability=st.integers(0, 100),
    group=st.sampled_from(["", "a", "b", "a, b", "7"]),
    groupOverride=st.booleans(),
    groupWeight=st.integers(0, 100),
    scanDepth=st.none() | st.integers(-1, 5),
    matchWholeWords=st.none() | st.booleans(),
    caseSensitive=st.none() | st.booleans(),
    useGroupScoring=st.none() | st.booleans(),
    sticky=st.none() | st.integers(0, 3),
    cooldown=st.none() | st.integers(0, 3),
    delay=st.none() | st.integers(0, 3),
)
BOOKS = st.lists(ENTRIES, max_size=8).map(
    lambda found: [Book(name="b", entries=tuple(Entry.model_validate(fields | {"uid": uid}) for uid, fields in enumerate(found)))]
)
SCENES = st.lists(st.builds(Line, st.text(max_size=8), st.one_of(WORDS, st.text(max_size=80))), max_size=6).map(lambda lines: Scene(lines))
SETTINGS = st.builds(
    Globals,
    depth=st.integers(0, 6),
    min_activations=st.integers(0, 4),
    budget=st.integers(0, 100),
    budget_cap=st.integers(0, 40),
    recursive=st.booleans(),
    match_whole_words=st.booleans(),
    use_group_scoring=st.booleans(),
    max_recursion_steps=st.integers(0, 4),
)


@given(BOOKS, SCENES, SETTINGS, st.floats(0, 1, exclude_max=True))
@examples(35)
def test_a_scan_accounts_for_every_entry_and_repeats(books: list[Book], scene: Scene, globals_: Globals, number: float) -> None:
    """Each entry is activated or skipped with a reason, and the same rolls give the same outcome."""
    found = evaluate(books, scene, globals_, max_context=200, count=len, random=lambda: number)
    again = evaluate(books, scene, globals_, max_context=200, count=len, random=lambda: number)
    assert (found.skipped, found.rounds, found.rolls, found.state) == (again.skipped, again.rounds, again.rolls, again.state)
    active, skipped = {a.uid for a in found.activated}, {s.uid for s in found.skipped}
    assert active.isdisjoint(skipped)
    assert active | skipped == {entry.uid for entry in books[0].entries}
    assert all(s.reason for s in found.skipped)
    assert set(place(found.activated).order) == active


@given(BOOKS, SCENES, SETTINGS)
@examples(30)
def test_what_is_within_the_budget_stays_below_it(books: list[Book], scene: Scene, globals_: Globals) -> None:
    """Entries that do not ignore the budget are, round by round, below it in all."""
    found = evaluate(books, scene, globals_, max_context=200, count=len, random=lambda: 0.0)
    budget = max(round(globals_.budget * 2), 1)
    by_round: dict[int, int] = {}
    for one in found.activated:
        if not one.item.entry.ignore_budget:
            by_round[one.round] = by_round.get(one.round, 0) + one.tokens
            assert by_round[one.round] < budget


@given(BOOKS, SCENES)
@examples(25)
def test_a_dry_run_leaves_running_effects_alone(books: list[Book], scene: Scene) -> None:
    """Testing a lorebook changes nothing in the conversation."""
    before = evaluate(books, scene, Globals(), max_context=4096, count=len, random=lambda: 0.0).state
    after = evaluate(books, scene, Globals(), max_context=4096, count=len, random=lambda: 0.0, state=before, dry_run=True).state
    assert after == before
    assert isinstance(after, TimedState)


@given(st.text(max_size=40).map(lambda text: f"/{text}/"), st.text(max_size=60))
@examples(120)
def test_any_pattern_is_matched_plain_or_refused_by_a_sentence(key: str, text: str) -> None:
    """No pattern raises anything but a refusal that says what to write instead."""
    refusal = ""
    try:
        pattern = pattern_of(key)
    except Unsupported as error:
        refusal, pattern = str(error), None
    assert not refusal or refusal.endswith(".")
    assert pattern is None or pattern.found(text) in (True, False)


def test_a_pattern_made_to_backtrack_takes_linear_time() -> None:
    """The classic killer of backtracking engines, on a text that a stranger may send."""
    assert not matches(Text("a" * 200_000 + "b"), "/^(a+)+$/", case_sensitive=False, whole_words=False)


def test_what_cannot_be_matched_in_linear_time_is_named() -> None:
    """Looking around and back references are refused, each by a sentence of its own."""
    for key in ("/owl(?= hour)/", "/(?<!b)owl/", "/(o)\\1/", "/(?<w>o)\\k<w>/"):
        with pytest.raises(Unsupported, match="unbounded"):
            pattern_of(key)
