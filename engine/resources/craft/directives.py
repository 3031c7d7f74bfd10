"""Ready-made rules for characters, and when each holds (I5): always, every so many messages, where a pattern is found, or on drift. Pure.

Written as `brief`, `brief: every 3`, `brief: drift`, `brief: /tell me/i`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from engine.lore.keys import Unsupported, pattern_of

DIRECTIVES: Mapping[str, str] = MappingProxyType(
    {
        "plain": "Do not flatter. Disagree where the character would, and praise only what deserves it.",
        "brief": "Answer in at most three short sentences unless more is asked for.",
        "continuity": "Keep to what was said and done so far: names, places, times, objects and promises stay as they are.",
        "own-words": "Do not repeat phrases, openings or gestures of your last replies.",
        "no-puppets": "Never speak, act, think or feel for anybody but your own character.",
    }
)
"""Rules that can be switched on by name, in the order in which they stand."""
LONGEST = 200
"""Characters of a rule with its condition."""
_EVERY = re.compile(r"every\s+(\d{1,4})")
_FLATTERY = re.compile(
    r"\b(?:(?:great|excellent|wonderful|fantastic|brilliant|amazing) (?:question|idea|point|choice|work)"
    r"|you(?:'|’)?re (?:so |absolutely |totally )?(?:right|amazing|brilliant|incredible)"
    r"|what an? (?:great|wonderful|brilliant|fascinating))\b",
    re.IGNORECASE,
)
_LONG = 600


@dataclass(frozen=True, slots=True)
class DirectiveFacts:
    """What conditions are held against: the message to answer, the character's last replies (the newest last), people in the talk, and how

    many messages people have said.
    """

    message: str = ""
    replies: Sequence[str] = ()
    people: Sequence[str] = ()
    count: int = 0


def _flatters(facts: DirectiveFacts) -> bool:
    return _FLATTERY.search("\n".join(facts.replies[-2:])) is not None


def _runs_on(facts: DirectiveFacts) -> bool:
    return any(len(reply) > _LONG for reply in facts.replies[-1:])


def _repeats(facts: DirectiveFacts) -> bool:
    begun = [tuple(re.findall(r"\w+", reply.casefold()[:200])[:3]) for reply in facts.replies[-3:]]
    return any(len(one) == 3 and begun.count(one) > 1 for one in begun)


def _speaks_for_others(facts: DirectiveFacts) -> bool:
    lines = [line.lstrip(" *_").casefold() for reply in facts.replies[-2:] for line in reply.splitlines()]
    return any(line.startswith(f"{name.casefold()}:") for name in facts.people if name for line in lines)


DRIFT: Mapping[str, Callable[[DirectiveFacts], bool]] = MappingProxyType(
    {"plain": _flatters, "brief": _runs_on, "own-words": _repeats, "no-puppets": _speaks_for_others}
)
"""What tells by the last replies that a character strays from a rule; of the others nothing does."""


class NotADirective(ValueError):
    """A rule is not written as one; the sentence says what to write."""


@dataclass(frozen=True, slots=True)
class Directive:
    """A rule that is on. `when` is its condition as people read it."""

    name: str
    when: str = "always"

    def holds(self, facts: DirectiveFacts) -> bool:
        """Whether it holds now."""
        if (every := _EVERY.fullmatch(self.when)) is not None:
            return facts.count > 0 and facts.count % int(every[1]) == 0
        if self.when == "drift":
            return DRIFT[self.name](facts)
        pattern = pattern_of(self.when) if self.when.startswith("/") else None
        return self.when == "always" or (pattern is not None and pattern.found(facts.message))

    @property
    def kind(self) -> str:
        """Its condition as records name it, without a word of a pattern, which is somebody's."""
        return "where a pattern is found" if self.when.startswith("/") else "on drift" if self.when == "drift" else self.when


def directive(text: str) -> Directive:
    """A rule as it was written. Raises NotADirective."""
    name, _, when = map(str.strip, text.partition(":"))
    when = when or "always"
    if name not in DIRECTIVES:
        raise NotADirective(f"There is no rule called {name[:40]}. There are: {', '.join(DIRECTIVES)}.")
    if when == "drift" and name not in DRIFT:
        raise NotADirective(f"Nothing tells that a character strays from {name}. Write {name}, {name}: every 3 or {name}: /pattern/.")
    if when.startswith("/"):
        try:
            fits = pattern_of(when) is not None
        except Unsupported as error:
            raise NotADirective(str(error)) from None
    else:
        every = _EVERY.fullmatch(when)
        fits = when in ("always", "drift") or (every is not None and int(every[1]) > 0)
    if not fits:
        raise NotADirective(f"A rule is written as {name}, {name}: every 3, {name}: drift or {name}: /pattern/i, without a comma.")
    return Directive(name, when)


def held(written: Sequence[str], facts: DirectiveFacts) -> tuple[tuple[str, ...], tuple[Directive, ...]]:
    """(names of those that hold, in the order in which they stand; those that do not). What is no rule any more is passed over."""
    on, off = set[str](), list[Directive]()
    for text in written:
        try:
            one = directive(text)
        except NotADirective:
            continue
        if one.holds(facts):
            on.add(one.name)
        else:
            off.append(one)
    return tuple(name for name in DIRECTIVES if name in on), tuple(one for one in off if one.name not in on)
