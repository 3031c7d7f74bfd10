"""Drafting held against the rules as they are written down, by a second implementation of them, over 2,000 drawn cases (A4)."""

import random
import re
from collections.abc import Sequence
from uuid import UUID

from engine.decide.speaking.draft import Member, draft
from engine.events.message import Drawn
from engine.resources.channel import Strategy

CASES = 2_000
NAMES = ("Ada", "Bo Peep", "Cleo", "Dan of Nod", "Eve")
WORDS = ("ada", "peep", "Cleo", "nod", "the", "moon", "is", "out", "Dan", "and", "of", "here")
CALLS = ("Ada, look", "look, Cleo", "Eve: sing", "hello Bo Peep")
STRATEGIES: tuple[Strategy, ...] = ("natural", "list", "pooled", "manual")


def speaking(found: Sequence[Drawn]) -> list[UUID]:
    return [one.character_id for one in found if one.why not in ("silent", "spoke")]


def addressed(members: Sequence[Member], text: str) -> list[UUID]:
    """Whom a text of ours calls: a whole name first, last, or before a comma or colon."""
    hits = [(found.start(), m.id) for m in members for found in re.finditer(rf"\b{re.escape(m.names[0])}\b", text, re.IGNORECASE)]
    whole = {m.id: m.names[0] for m in members}
    ends = [(at, who) for at, who in sorted(hits) if at == 0 or text[at + len(whole[who]) :][:1] in ("", ",", ":")]
    return list(dict.fromkeys(who for _, who in ends))


def mentioned(members: Sequence[Member], text: str, barred: Sequence[UUID]) -> list[UUID]:
    """SillyTavern's natural order, first step: for each whole word the first able member that has it in its name."""
    found: list[UUID] = []
    for word in re.findall(r"\b\w+\b", text.lower()):
        one = next((m for m in members if m.id not in barred and word in re.findall(r"\w+", m.names[0].lower())), None)
        if one is not None and one.id not in found:
            found.append(one.id)
    return found


def problem(members: Sequence[Member], text: str, strategy: Strategy, seed: UUID, spoken: Sequence[UUID]) -> str:
    """What a draft does against the rules; empty for nothing."""
    found = draft(members, text, strategy, seed, spoken)
    speak, everybody = speaking(found), [m.id for m in members]
    if sorted(one.character_id for one in found) != sorted(everybody):
        return "not everybody once"
    if called := addressed(members, text):
        return "" if speak == called else "whoever is called speaks alone"
    match strategy:
        case "list":
            return "" if speak == everybody else "list is all in their order"
        case "manual":
            return "" if not speak else "manual is nobody"
        case "pooled":
            pool = [one for one in everybody if one not in spoken] or [one for one in everybody if one not in spoken[-1:]] or everybody
            return "" if len(speak) == min(1, len(pool)) and set(speak) <= set(pool) else "pooled is one who has not spoken"
        case "natural":
            return natural(members, text, found, spoken[-1:])


def natural(members: Sequence[Member], text: str, found: Sequence[Drawn], barred: Sequence[UUID]) -> str:
    """The same of SillyTavern's natural order."""
    speak, talk = speaking(found), {m.id: m.talkativeness for m in members}
    able = [m.id for m in members if m.id not in barred]
    alone = [one.character_id for one in found if one.why == "random"]
    first = mentioned(members, text, barred)
    rolls = [(one.why, one.roll, talk[one.character_id]) for one in found if one.why in ("talkative", "silent")]
    broken = {
        "mentioned ones come first, in the order of the words": speak[: len(first)] != first,
        "a roll decides": any(roll is None or (limit >= roll) is not (why == "talkative") for why, roll, limit in rolls),
        "the speaker does not answer itself": bool(set(speak) & set(barred)),
        "somebody always speaks": bool(able) is not bool(speak),
        "one at random only when nobody else was drawn": bool(alone) and len(speak) > 1,
        "at random among those who talk at all": bool(alone) and talk[alone[0]] == 0 and any(talk[one] > 0 for one in able),
    }
    return next((rule for rule, is_broken in broken.items() if is_broken), "")


def test_two_thousand_drafts_follow_the_rules() -> None:
    """Members, talkativeness, texts with and without names, strategies and who spoke before, drawn from a fixed seed."""
    draw, wrong = random.Random(2000), list[str]()
    for number in range(CASES):
        names = draw.sample(NAMES, draw.randint(0, 5))
        members = [Member(UUID(int=n + 1), (name,), draw.choice((0.0, 0.3, 0.5, 1.0))) for n, name in enumerate(names)]
        words = draw.choices(WORDS, k=draw.randint(1, 6))
        text = draw.choice(CALLS) if draw.random() < 0.2 else " ".join(("so", *words, "then"))
        spoken = draw.sample([m.id for m in members], draw.randint(0, len(members)))
        strategy = draw.choice(STRATEGIES)
        if found := problem(members, text, strategy, UUID(int=number), spoken):
            wrong.append(f"{number} {strategy} {names} {text!r} {spoken}: {found}")
    assert wrong == []
