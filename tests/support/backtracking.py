"""What a pattern of `re` costs, counted: the steps its backtracking takes over a text, by an interpreter of the parsed pattern.

It knows no optimisation of the real engine, so its count is an upper bound; what is linear here is linear there.
"""

import re
import sys
from collections.abc import Callable, Iterator
from itertools import islice, product
from re import _constants as sre  # type: ignore[attr-defined]  # the parsed form of a pattern is nowhere else
from re import _parser as parser  # type: ignore[attr-defined]  # as above
from typing import Any

Node = tuple[Any, Any]
Goes = Callable[[int], int | None]
_SINGLE = frozenset({sre.LITERAL, sre.NOT_LITERAL, sre.ANY, sre.IN, sre.RANGE, sre.CATEGORY})
_REPEATS = frozenset({sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT})
_SAMPLES = {
    sre.CATEGORY_DIGIT: "0",
    sre.CATEGORY_SPACE: " ",
    sre.CATEGORY_WORD: "a",
    sre.CATEGORY_NOT_DIGIT: "a",
    sre.CATEGORY_NOT_SPACE: "a",
    sre.CATEGORY_NOT_WORD: "-",
}
MOST_PUMPS = 4


class TooMany(Exception):
    """More steps than anybody counts."""


class Counter:
    """Searches a text for every match of a pattern, and counts."""

    def __init__(self, pattern: re.Pattern[str], most: int = 150_000) -> None:
        self.tree = _plainly(parser.parse(pattern.pattern, pattern.flags))
        self.lines = bool(pattern.flags & re.MULTILINE)
        self.folds = bool(pattern.flags & re.IGNORECASE)
        self.dots = bool(pattern.flags & re.DOTALL)
        self.steps, self.most, self.text = 0, most, ""
        self._known: dict[tuple[int, str], bool] = {}

    def search_all(self, text: str) -> int:
        """Steps of finding all matches of the text. Raises TooMany."""
        self.steps, self.text = 0, text
        at, limit = 0, sys.getrecursionlimit()
        sys.setrecursionlimit(100_000)
        try:
            while at <= len(text):
                end = self._sequence(self.tree, 0, at, _there)
                at = end if end is not None and end > at else at + 1
        finally:
            sys.setrecursionlimit(limit)
        return self.steps

    def _tick(self) -> None:
        self.steps += 1
        if self.steps > self.most:
            raise TooMany

    def _sequence(self, nodes: list[Node], index: int, at: int, goes: Goes) -> int | None:
        while index < len(nodes) and nodes[index][0] in _SINGLE:
            self._tick()
            if at >= len(self.text) or not self._is(nodes[index], self.text[at]):
                return None
            index, at = index + 1, at + 1
        if index == len(nodes):
            return goes(at)
        self._tick()
        if index + 1 == len(nodes):
            return self._other(nodes[index], at, goes)
        return self._other(nodes[index], at, lambda where: self._sequence(nodes, index + 1, where, goes))

    def _other(self, node: Node, at: int, goes: Goes) -> int | None:
        kind, value = node
        match kind:
            case sre.MAX_REPEAT | sre.MIN_REPEAT | sre.POSSESSIVE_REPEAT:
                low, high, inner = value
                return self._repeat(kind, low, min(int(high), len(self.text) + 1), inner, at, goes)
            case sre.BRANCH:
                found = (self._sequence(branch, 0, at, goes) for branch in value[1])
                return next((end for end in found if end is not None), None)
            case sre.SUBPATTERN:
                return self._sequence(value[3], 0, at, goes)
            case sre.ATOMIC_GROUP:
                end = self._sequence(value, 0, at, _there)
                return None if end is None else goes(end)
            case sre.ASSERT | sre.ASSERT_NOT:
                start = at - value[0]
                held = start >= 0 and self._sequence(value[1], 0, start, _there) is not None
                return goes(at) if held is (kind is sre.ASSERT) else None
            case sre.AT:
                return goes(at) if self._stands(value, at) else None
        raise NotImplementedError(str(kind))

    def _repeat(self, kind: Any, low: int, high: int, inner: list[Node], at: int, goes: Goes) -> int | None:
        if len(inner) == 1 and inner[0][0] in _SINGLE:
            if kind is sre.MIN_REPEAT:
                return self._lazily(low, high, inner[0], at, goes)
            run = 0
            while run < high and at + run < len(self.text) and self._is(inner[0], self.text[at + run]):
                self._tick()
                run += 1
            if kind is sre.POSSESSIVE_REPEAT:
                return goes(at + run) if run >= low else None
            for count in range(run, low - 1, -1):
                self._tick()
                if (end := goes(at + count)) is not None:
                    return end
            return None
        return self._again(kind, low, high, inner, at, goes, 0)

    def _lazily(self, low: int, high: int, single: Node, at: int, goes: Goes) -> int | None:
        for count in range(high + 1):
            self._tick()
            if count >= low and (end := goes(at + count)) is not None:
                return end
            if at + count >= len(self.text) or not self._is(single, self.text[at + count]):
                return None
        return None

    def _again(self, kind: Any, low: int, high: int, inner: list[Node], at: int, goes: Goes, count: int) -> int | None:
        self._tick()
        if kind is sre.MIN_REPEAT and count >= low and (end := goes(at)) is not None:
            return end
        if count < high:

            def further(where: int) -> int | None:
                return None if where == at else self._again(kind, low, high, inner, where, goes, count + 1)

            if (end := self._sequence(inner, 0, at, further)) is not None:
                return end
        return goes(at) if kind is not sre.MIN_REPEAT and count >= low else None

    def _is(self, node: Node, character: str) -> bool:
        key = id(node), character
        if key not in self._known:
            self._known[key] = self._fits(node, character)
        return self._known[key]

    def _fits(self, node: Node, character: str) -> bool:
        kind, value = node
        if kind is sre.ANY:
            return self.dots or character != "\n"
        alike = {character, *((character.lower(), character.upper()) if self.folds else ())}
        if kind is sre.IN:
            negated = value[0][0] is sre.NEGATE
            return negated is not any(self._fits(item, character) for item in value[negated:])
        if kind is sre.LITERAL:
            return chr(value) in alike
        if kind is sre.NOT_LITERAL:
            return chr(value) != character
        if kind is sre.RANGE:
            return any(len(one) == 1 and value[0] <= ord(one) <= value[1] for one in alike)
        return _in_category(str(value), character)

    def _stands(self, where: Any, at: int) -> bool:
        text = self.text
        words = [0 <= place < len(text) and _is_word(text[place]) for place in (at - 1, at)]
        match where:
            case sre.AT_BEGINNING:
                return at == 0 or (self.lines and text[at - 1] == "\n")
            case sre.AT_BEGINNING_STRING:
                return at == 0
            case sre.AT_END:
                return at == len(text) or (text[at] == "\n" and (self.lines or at + 1 == len(text)))
            case sre.AT_END_STRING:
                return at == len(text)
            case sre.AT_BOUNDARY:
                return words[0] != words[1]
        return words[0] == words[1]


def _there(where: int) -> int:
    return where


def _plainly(parsed: Any) -> list[Node]:
    """The parsed pattern as lists, which are walked through faster; what looks about says how many characters it goes back."""
    return [(kind, _value(kind, value)) for kind, value in parsed]


def _value(kind: Any, value: Any) -> Any:
    if kind in _REPEATS:
        return value[0], value[1], _plainly(value[2])
    if kind is sre.BRANCH:
        return value[0], [_plainly(branch) for branch in value[1]]
    if kind is sre.SUBPATTERN:
        return *value[:3], _plainly(value[3])
    if kind is sre.ATOMIC_GROUP:
        return _plainly(value)
    if kind in {sre.ASSERT, sre.ASSERT_NOT}:
        return 0 if value[0] > 0 else value[1].getwidth()[0], _plainly(value[1])
    return value


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _in_category(name: str, character: str) -> bool:
    found = character.isdigit() if "DIGIT" in name else character.isspace() if "SPACE" in name else _is_word(character)
    return found is not ("NOT" in name)


def pumps(pattern: re.Pattern[str]) -> list[str]:
    """Texts that, repeated, keep the pattern busy: characters it takes, its words, and pairs of both."""
    tree = parser.parse(pattern.pattern, pattern.flags)
    singles = list(dict.fromkeys(_samples(list(tree))))
    words = sorted(dict.fromkeys(_words(list(tree))), key=len)[:4]
    base = list(dict.fromkeys([*words, *(f"{word} " for word in words[:3]), *singles[:5], "x", " ", "\n"]))
    pairs = (one + other for one, other in product(base, base) if one != other)
    return [*base, *islice(pairs, MOST_PUMPS)]


def _samples(nodes: list[Node]) -> Iterator[str]:
    for kind, value in nodes:
        if kind is sre.LITERAL:
            yield chr(value)
        elif kind is sre.RANGE:
            yield chr(value[0])
        elif kind is sre.CATEGORY:
            yield _SAMPLES[value]
        elif kind is sre.IN and value[0][0] is not sre.NEGATE:
            yield from _samples(list(value[:3]))
        else:
            for inner in _inside(kind, value):
                yield from _samples(inner)


def _words(nodes: list[Node]) -> Iterator[str]:
    run = ""
    for kind, value in nodes:
        if kind is sre.LITERAL:
            run += chr(value)
            continue
        if run:
            yield run
        run = ""
        for inner in _inside(kind, value):
            yield from _words(inner)
    if run:
        yield run


def _inside(kind: Any, value: Any) -> Iterator[list[Node]]:
    if kind in _REPEATS:
        yield list(value[2])
    elif kind is sre.BRANCH:
        yield from (list(branch) for branch in value[1])
    elif kind is sre.SUBPATTERN:
        yield list(value[3])
    elif kind is sre.ATOMIC_GROUP:
        yield list(value)
    elif kind in {sre.ASSERT, sre.ASSERT_NOT}:
        yield list(value[1])


def is_linear(pattern: re.Pattern[str]) -> str | None:
    """The repeated text over which the pattern takes more than its share of steps; None when there is none.

    A text four times as long may take five times the steps. What is bounded by a number below a hundred may show that on long texts only.
    """
    if _plain(list(parser.parse(pattern.pattern, pattern.flags))):
        return None
    return next((pump for pump in pumps(pattern) if not any(_in_proportion(pattern, pump, size) for size in (48, 256))), None)


def _in_proportion(pattern: re.Pattern[str], pump: str, size: int) -> bool:
    counter = Counter(pattern)
    try:
        counter.most = min(counter.most, 5 * counter.search_all(pump * (size // len(pump) + 1)) + 500)
        counter.search_all(pump * (4 * size // len(pump) + 1))
    except TooMany:
        return False
    return True


def _plain(nodes: list[Node]) -> bool:
    """Whether nothing is repeated without bound, but for one character's kind at the very end."""
    *before, last = nodes or [(None, None)]
    endless = last[0] is sre.MAX_REPEAT and len(last[1][2]) == 1 and last[1][2][0][0] in _SINGLE
    return all(_bounded(node) for node in (before if endless else nodes))


def _bounded(node: Node) -> bool:
    kind, value = node
    if kind in _REPEATS and int(value[1]) > 30:
        return False
    return all(_bounded(inner) for nodes in _inside(kind, value) for inner in nodes)
