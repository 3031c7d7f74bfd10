"""A hundred thousand books of strangers (TZUROT_FULL=1, else 1,000): a scan ends, accounts for every entry and keeps to its budget."""

import os
import random
from typing import Any

from engine.lore import Book, Entry, Globals, Line, Scene, TimedState, evaluate
from tests.support import steps

MANY = 100_000 if os.environ.get("TZUROT_FULL") else 1_000
WORDS = (
    "harbor",
    "lamp",
    "Tide",
    "mole",
    "owl",
    "{{user}}",
    "/ow./i",
    "/(?=x)/",
    "/[/",
    "",
    " ",
    "ß",
    "İ",
    "龙门",
    "C++",
    "(a+)+$",
    "/(a+)+$/",
)


def text(chance: random.Random, most: int = 12) -> str:
    words = [chance.choice(WORDS) if chance.random() < 0.8 else chr(chance.randrange(1, 0xD800)) * 3 for _ in range(chance.randrange(most))]
    return " ".join(words)


def entry(chance: random.Random, uid: int) -> Entry:
    fields: dict[str, Any] = {
        "uid": uid,
        "key": [chance.choice(WORDS) for _ in range(chance.randrange(3))],
        "keysecondary": [chance.choice(WORDS) for _ in range(chance.randrange(2))],
        "content": text(chance),
        "selectiveLogic": chance.randint(-1, 4),
        "order": chance.randint(-5, 200),
        "position": chance.randint(-1, 8),
        "probability": chance.choice((0, 30, 100, 100, 100)),
        "group": chance.choice(("", "", "", "a", "b", "a, b")),
        "groupWeight": chance.randint(0, 100),
        "delayUntilRecursion": chance.choice((0, 0, 0, 1, 2)),
    }
    for name in ("constant", "ignoreBudget", "excludeRecursion", "preventRecursion", "groupOverride"):
        fields[name] = chance.random() < 0.2
    for name in ("matchWholeWords", "caseSensitive", "useGroupScoring"):
        fields[name] = chance.choice((None, None, True, False))
    for name in ("sticky", "cooldown", "delay", "scanDepth"):
        fields[name] = chance.choice((None, None, 0, 1, 3))
    return Entry.model_validate(fields)


def settings(chance: random.Random) -> Globals:
    return Globals(
        depth=chance.randrange(7),
        min_activations=chance.choice((0, 0, 2)),
        budget=chance.randrange(101),
        budget_cap=chance.choice((0, 0, 40)),
        recursive=chance.random() < 0.6,
        match_whole_words=chance.random() < 0.5,
        use_group_scoring=chance.random() < 0.3,
        max_recursion_steps=chance.choice((0, 0, 3)),
    )


def test_random_books_neither_break_a_scan_nor_its_budget() -> None:
    """Every third goes on with the timers of the one before, as a conversation does."""
    state = TimedState()
    for seed in range(MANY):
        chance = random.Random(seed)
        book = Book(name="b", entries=tuple(entry(chance, uid) for uid in range(chance.randrange(9))))
        scene = Scene([Line(text(chance, 2), text(chance)) for _ in range(chance.randrange(5))])
        globals_ = settings(chance)
        held = state if seed % 3 else TimedState()
        found = evaluate([book], scene, globals_, max_context=200, count=len, random=chance.random, state=held)
        active, skipped = {one.uid for one in found.activated}, {one.uid for one in found.skipped}
        assert active.isdisjoint(skipped), seed
        assert active | skipped == {one.uid for one in book.entries}, seed
        budget = max(round(globals_.budget * 2), 1)
        budget = min(budget, globals_.budget_cap) if globals_.budget_cap else budget
        by_round: dict[int, int] = {}
        for one in found.activated:
            if not one.item.entry.ignore_budget:
                by_round[one.round] = by_round.get(one.round, 0) + one.tokens
        assert all(taken < budget for taken in by_round.values()), seed
        state = found.state


def test_a_scan_costs_as_much_as_the_book_is_large() -> None:
    """Four times the entries, or four times the words, take four times the steps; entries that wake each other are passed once a round."""
    chance = random.Random(7)
    entries = [entry(chance, uid) for uid in range(240)]
    lines = [Line("a", text(chance, 40)) for _ in range(24)]

    def cost(many: int, said: int) -> int:
        book, scene = Book(name="b", entries=tuple(entries[:many])), Scene(lines[:said])
        plain = Globals(depth=1000, budget=100, recursive=False)
        return steps.lines(lambda: evaluate([book], scene, plain, max_context=10**6, count=len, random=lambda: 0.5))

    cost(240, 24)  # patterns are made once
    assert cost(240, 6) <= 5 * cost(60, 6) + 500
    assert cost(60, 24) <= 5 * cost(60, 6) + 500
