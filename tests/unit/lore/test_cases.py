"""Cases of lorebook entries whose outcome is worked out by hand from the written rules of each field (I3)."""

from typing import Any, NamedTuple

import pytest

from engine.lore import Book, Entry, Evaluation, Globals, Line, Scene, evaluate


class Case(NamedTuple):
    """Entries by their fields, what was said (oldest first), settings, and the uids that wake."""

    what: str
    entries: list[dict[str, Any]]
    said: list[str]
    awake: list[int]
    settings: dict[str, Any] = {}  # noqa: RUF012 - a tuple's default, never changed
    rolls: list[float] = []  # noqa: RUF012 - as above


def played(case: Case) -> Evaluation:
    """One scan without names, with a token a character and 1,000 of context unless the case says otherwise."""
    rolls = iter(case.rolls)
    settings = {"include_names": False, "budget": 100} | case.settings
    scene = Scene([Line("Ada", text) for text in case.said], card_file="wren", tags=("bird",))
    books = [Book(name="b", entries=tuple(Entry.model_validate({"uid": uid} | fields) for uid, fields in enumerate(case.entries)))]
    return evaluate(books, scene, Globals.model_validate(settings), max_context=1000, count=len, random=lambda: next(rolls))


def one(what: str, said: str, awake: bool, /, **fields: Any) -> Case:
    """A single entry with the key `owl` unless it has another."""
    return Case(what, [{"key": ("owl",), "content": "x"} | fields], [said], [0] if awake else [])


def key(what: str, key: str, said: str, awake: bool, **fields: Any) -> Case:
    return one(f"key {what}", said, awake, key=(key,), **fields)


KEYS = [
    key("stands in the text", "owl", "an owl sits", True),
    key("is missing", "owl", "a crow sits", False),
    key("within a word", "owl", "growling", True),
    key("in other letters", "owl", "An OWL", True),
    key("in capitals itself", "OWL", "an owl", True),
    key("with case, same", "Owl", "an Owl", True, caseSensitive=True),
    key("with case, other", "Owl", "an owl", False, caseSensitive=True),
    key("whole word", "owl", "an owl.", True, matchWholeWords=True),
    key("whole word at the start", "owl", "owl", True, matchWholeWords=True),
    key("whole word inside another", "owl", "growling", False, matchWholeWords=True),
    key("whole word before an apostrophe", "owl", "the owl's nest", True, matchWholeWords=True),
    key("whole word in brackets", "owl", "(owl)", True, matchWholeWords=True),
    key("whole word with a sign", "C++", "I write C++ now", True, matchWholeWords=True),
    key("of several words is a substring", "old owl", "the cold owls", True, matchWholeWords=True),
    key("of a script without spaces", "龙", "一条龙门", True, matchWholeWords=True),
    key("with blanks around", "  owl ", "an owl", True),
    key("that is empty", "", "anything", False),
    key("of blanks is nothing once trimmed, which stands in every text", "   ", "a b", True),
    key("as pattern", "/ow[lt]/", "an owt", True),
    key("as pattern that does not fit", "/ow[lt]/", "an owe", False),
    key("as pattern with i", "/OWL/i", "an owl", True),
    key("as pattern without i", "/OWL/", "an owl", False),
    key("as pattern overrides case", "/owl/", "an OWL", False, caseSensitive=False),
    key("as pattern overrides whole words", "/owl/", "growling", True, matchWholeWords=True),
    key("with ^ never fits", "/^owl/", "owl", False),
    key("with a dot", "/o.l/", "oil", True),
    one("second of two keys", "a crow", True, key=("owl", "crow")),
    one("neither of two keys", "a wren", False, key=("owl", "crow")),
    one("no keys at all", "owl", False, key=()),
]
SECOND = [
    one(f"secondary {name}: {said}", said, awake, keysecondary=("red", "big"), selectiveLogic=logic)
    for name, logic, outcomes in (
        ("any", 0, (False, True, True, True)),
        ("not all", 1, (True, True, True, False)),
        ("none", 2, (True, False, False, False)),
        ("all", 3, (False, False, False, True)),
    )
    for said, awake in zip(("owl", "owl red", "owl big", "owl red big"), outcomes, strict=True)
]
SECOND += [one(f"secondary alone, logic {n}", "red big", False, keysecondary=("red", "big"), selectiveLogic=n) for n in range(4)]
SECOND += [one(f"secondary empty, logic {n}", "owl", True, keysecondary=(), selectiveLogic=n) for n in range(4)]
SECOND += [one("secondary, not selective", "owl", True, keysecondary=("red",), selective=False)]
FLAGS = [
    one("constant without key", "nothing", True, key=(), constant=True),
    one("constant but disabled", "owl", False, constant=True, disable=True),
    one("disabled", "owl", False, disable=True),
    one("trigger of this kind", "owl", True, triggers=("normal",)),
    one("trigger of another kind", "owl", False, triggers=("swipe",)),
    one("triggers of several kinds", "owl", True, triggers=("swipe", "normal")),
    one("for this character", "owl", True, characterFilter={"names": ["wren"]}),
    one("for another character", "owl", False, characterFilter={"names": ["rook"]}),
    one("not for this character", "owl", False, characterFilter={"names": ["wren"], "isExclude": True}),
    one("not for another character", "owl", True, characterFilter={"names": ["rook"], "isExclude": True}),
    one("for this tag", "owl", True, characterFilter={"tags": ["bird"]}),
    one("for another tag", "owl", False, characterFilter={"tags": ["fish"]}),
    one("not for this tag", "owl", False, characterFilter={"tags": ["bird"], "isExclude": True}),
    one("@@activate", "nothing", True, content="@@activate\nx"),
    one("@@dont_activate", "owl", False, content="@@dont_activate\nx"),
    one("both: activate comes first", "nothing", True, content="@@activate\n@@dont_activate\nx"),
    one("dont_activate stops constant", "owl", False, content="@@dont_activate\nx", constant=True),
    one("delay longer than the chat", "owl", False, delay=2),
    one("delay as long as the chat", "owl", True, delay=1),
    one("delay of nothing", "owl", True, delay=0),
    one("delay stops constant", "owl", False, constant=True, delay=2),
]
DEPTH = [
    Case(
        f"depth {depth}, key {back} back",
        [{"key": ("owl",), "content": "x"}],
        ["owl", *["a"] * back],
        [0] if back < depth else [],
        {"depth": depth},
    )
    for depth in (0, 1, 2, 3)
    for back in (0, 1, 2, 3)
]
DEPTH += [
    Case(
        f"own depth {own} over 1",
        [{"key": ("owl",), "content": "x", "scanDepth": own}],
        ["owl", "a", "b"],
        [0] if own >= 3 else [],
        {"depth": 1},
    )
    for own in (0, 1, 2, 3, 9)
]
A, B = {"key": ("owl",), "content": "a crow"}, {"key": ("crow",), "content": "y"}
RECURSION = [
    Case("recursion off", [A, B], ["owl"], [0]),
    Case("recursion on", [A, B], ["owl"], [0, 1], {"recursive": True}),
    Case("recursion three deep", [A, B | {"content": "wren"}, {"key": ("wren",), "content": "z"}], ["owl"], [0, 1, 2], {"recursive": True}),
    Case("prevented", [A | {"preventRecursion": True}, B], ["owl"], [0], {"recursive": True}),
    Case("prevented entry may be found", [A, B | {"preventRecursion": True}], ["owl"], [0, 1], {"recursive": True}),
    Case("excluded from being found", [A, B | {"excludeRecursion": True}], ["owl"], [0], {"recursive": True}),
    Case("excluded, found in the chat", [A, B | {"excludeRecursion": True}], ["owl crow"], [0, 1], {"recursive": True}),
    Case("delayed until recursion, in the chat only", [B | {"delayUntilRecursion": 1}], ["crow"], [], {"recursive": False}),
    Case("delayed until recursion, found by it", [A, B | {"delayUntilRecursion": 1}], ["owl"], [0, 1], {"recursive": True}),
    Case("steps: one", [A, B], ["owl"], [0], {"recursive": True, "max_recursion_steps": 1}),
    Case("steps: two", [A, B], ["owl"], [0, 1], {"recursive": True, "max_recursion_steps": 2}),
    Case("a circle ends", [A, {"key": ("crow",), "content": "an owl"}], ["owl"], [0, 1], {"recursive": True}),
]
CHANCE = [
    Case(
        f"chance {percent} against {roll}",
        [{"key": ("owl",), "content": "x", "probability": percent}],
        ["owl"],
        [0] if roll * 100 <= percent else [],
        {},
        [roll],
    )
    for percent in (0, 1, 50, 99)
    for roll in (0.0, 0.01, 0.5, 0.51, 0.999)
]
CHANCE += [
    one("chance 100 rolls nothing", "owl", True, probability=100),
    one("chance not used", "owl", True, probability=0, useProbability=False),
]
G = {"key": ("owl",), "content": "x", "group": "g"}
GROUPS = [
    Case("group of one rolls nothing", [G], ["owl"], [0]),
    Case("group: low roll, first", [G, G], ["owl"], [0], {}, [0.2]),
    Case("group: high roll, second", [G, G], ["owl"], [1], {}, [0.8]),
    Case("group: at the border, first", [G, G], ["owl"], [0], {}, [0.5]),
    Case("group by weight: 1 of 4", [G | {"groupWeight": 25}, G | {"groupWeight": 75}], ["owl"], [0], {}, [0.25]),
    Case("group by weight: 3 of 4", [G | {"groupWeight": 25}, G | {"groupWeight": 75}], ["owl"], [1], {}, [0.26]),
    Case("group: preferred, no roll", [G, G | {"groupOverride": True}], ["owl"], [1]),
    Case("group: preferred by order", [G | {"groupOverride": True, "order": 5}, G | {"groupOverride": True, "order": 9}], ["owl"], [1]),
    Case("group by score", [G, G | {"key": ("owl", "red")}], ["red owl"], [1], {"use_group_scoring": True}),
    Case("two groups", [G, G | {"group": "h"}], ["owl"], [0, 1]),
    Case("group of those found only", [G, G | {"key": ("crow",)}], ["owl"], [0]),
]
T = {"key": ("owl",), "content": "1234567890"}
BUDGET = [
    Case("budget: room for both", [T, T], ["owl"], [0, 1], {"budget_cap": 100}),
    Case("budget: exactly reached is too much", [T], ["owl"], [], {"budget_cap": 10}),
    Case("budget: ignored", [T | {"ignoreBudget": True}], ["owl"], [0], {"budget_cap": 5}),
    Case(
        "budget: none after the first that is out",
        [T | {"order": 9}, T | {"order": 8}, T | {"order": 1, "content": "1"}],
        ["owl"],
        [],
        {"budget_cap": 10},
    ),
    Case("budget: ignoring goes on", [T | {"order": 200}, T | {"ignoreBudget": True}], ["owl"], [1], {"budget_cap": 10}),
]
MORE = [
    Case("fewest: deeper until one", [A], ["owl", "a", "b", "c"], [0], {"depth": 1, "min_activations": 1}),
    Case(
        "fewest: not deeper than allowed",
        [A],
        ["owl", "a", "b", "c"],
        [],
        {"depth": 1, "min_activations": 1, "min_activations_depth_max": 2},
    ),
    Case("fewest: enough already", [A, B], ["crow", "a", "owl"], [0], {"depth": 1, "min_activations": 1}),
    Case("two messages are no one text", [{"key": ("owl crow",), "content": "x"}], ["owl", "crow"], []),
]
CASES = [*KEYS, *SECOND, *FLAGS, *DEPTH, *RECURSION, *CHANCE, *GROUPS, *BUDGET, *MORE]


def test_there_are_at_least_a_hundred_and_twenty() -> None:
    assert len({case.what for case in CASES}) == len(CASES) >= 120


@pytest.mark.parametrize("case", CASES, ids=[case.what for case in CASES])
def test_the_entries_that_wake_are_those_the_rules_say(case: Case) -> None:
    found = played(case)
    assert sorted(one.uid for one in found.activated) == case.awake
