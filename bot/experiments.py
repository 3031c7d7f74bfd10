"""A turn run again with something changed, as an experiment: what the console and the command line share (F3)."""

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from uuid import UUID

from pydantic import JsonValue

from engine import ids
from engine.actor import Actor
from engine.decide.job import Ask, job_id
from engine.events.experiment import ExperimentRun
from engine.events.job import JobRequested
from engine.events.turn import GenerationStarted, TurnCompleted
from engine.execute import execute
from engine.store import Log, Query
from projections.models import catalog
from projections.models.turns import Turn
from projections.prompt.changes import BY_SETTINGS, PromptChanges, parse
from projections.rerun import forks
from projections.rerun.difference import Difference, first_character
from projections.rerun.forks import RerunScope

NAME = "experiment"
DESCRIBES = frozenset({"character.created", "character.edited"})
MOST_VERSIONS = 20


MOST_WORDS = 400
"""Words of either answer that are compared one by one: the time it takes may grow with the third power of them."""
_WORD = re.compile(r"\S+\s*|\s+")


@dataclass(frozen=True, slots=True)
class AnswerPart:
    """A piece of an answer: the `same` in both, or this one's own."""

    text: str
    same: bool


@dataclass(frozen=True, slots=True)
class Side:
    """One answer, cut where it begins to differ from the other one; `parts` are all of it, with everything that differs apart."""

    title: str
    same: str
    other: str
    parts: tuple[AnswerPart, ...] = ()


def sides(titles: tuple[str, str], texts: tuple[str, str]) -> tuple[Side, Side]:
    """Two answers with what both say apart from what only one of them does. Pure."""
    left, right = texts
    at = first_character(left, right)
    same = len(left) if at is None else at
    parts = told_apart(left, right)
    one, other = (Side(title, text[:same], text[same:], own) for title, text, own in zip(titles, texts, parts, strict=True))
    return one, other


def told_apart(left: str, right: str) -> tuple[tuple[AnswerPart, ...], tuple[AnswerPart, ...]]:
    """Either text in pieces, whole words each. Very long ones differ from their first to their last difference. Pure."""
    one, other = _WORD.findall(left), _WORD.findall(right)
    if max(len(one), len(other)) <= MOST_WORDS:
        blocks = [(block.a, block.b, block.size) for block in SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks()]
    else:
        start = _common(one, other)
        end = _common(one[start:][::-1], other[start:][::-1])
        blocks = [(0, 0, start), (len(one) - end, len(other) - end, end), (len(one), len(other), 0)]
    return _pieces(one, [(a, size) for a, _, size in blocks]), _pieces(other, [(b, size) for _, b, size in blocks])


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many words both begin with."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _pieces(words: Sequence[str], blocks: Sequence[tuple[int, int]]) -> tuple[AnswerPart, ...]:
    """The words with those of blocks (start, length) as what is the same."""
    found, at = list[AnswerPart](), 0
    for start, length in blocks:
        found += [AnswerPart("".join(words[at:start]), same=False), AnswerPart("".join(words[start : start + length]), same=True)]
        at = start + length
    return tuple(part for part in found if part.text)


@dataclass(frozen=True, slots=True)
class CharacterVersion:
    """A description a character had, by the position of the event that gave it."""

    position: int
    words: str


async def versions(log: Log, character: UUID) -> list[CharacterVersion]:
    """The latest descriptions of a character, the newest first."""
    wanted = Query(stream=f"character:{character}", types=DESCRIBES, backwards=True, limit=MOST_VERSIONS)
    rows = [row async for row in log.rows(wanted)]
    return [CharacterVersion(row.position, f"of {row.occurred_at:%Y-%m-%d %H:%M} (event {row.position})") for row in rows]


async def begin(log: Log, actor: Actor, turn: Turn, changes: PromptChanges) -> UUID:
    """Ask for the turn's last prompt to be answered with these changes; the same again is the same job. Raises Rejected."""
    wanted = {"model": changes.model, "preset": str(changes.preset or ""), "character": changes.character}
    told: dict[str, JsonValue] = {"turn": str(turn.turn), **{name: value for name, value in wanted.items() if value}}
    told |= {name: "off" for name, kept in (("lore", changes.lore), ("memory", changes.memory)) if not kept}
    told |= {"generation": changes.generation or BY_SETTINGS} if changes.generation is not None else {}
    told |= {"vectors": changes.vectors} if changes.vectors else {}
    # Other words are somebody's: they are sealed, and no hash of them stands in the clear.
    key = ids.random_id() if changes.edits else ids.derived("experiment", *(f"{name}={value}" for name, value in sorted(told.items())))
    about = f"{turn.turn}:{key}"
    edits: dict[str, JsonValue] = {str(position): text for position, text in changes.edits.items()}
    people = (turn.user_id,) if edits else ()
    ask = Ask(job_id(NAME, about), NAME, about, told, people, {"edits": edits} if edits else {})
    await execute(log, actor, ask, ids.random_id(), see=("jobs",))
    return ask.job


def changed(told: Mapping[str, JsonValue], names: Mapping[str, str], edited: Iterable[int] = ()) -> list[str]:
    """What an experiment had otherwise, in words; `names` are those of presets by id, `edited` where other words stood. Pure."""
    words = {
        "model": "the model {}",
        "preset": "the preset {}",
        "character": "the description of the character at event {}",
        "generation": "the memories made by {}",
        "vectors": "memories found by the vectors of {}",
        "lore": "no lore",
        "memory": "no memories",
    }
    found = {name: str(told[name]) for name in words if name in told}
    others = [f"other words in event {position}" for position in sorted(edited)]
    return [words[name].format(names.get(value, value)) for name, value in found.items()] + others


@dataclass(frozen=True, slots=True)
class Departure:
    """What an experiment had otherwise, in words, and where its prompt first differs from the recorded one."""

    words: tuple[str, ...] = ()
    differs: Difference | None = None


async def departure(log: Log, job: UUID, turn: UUID) -> Departure:
    """What was changed for an experiment. Where memories were looked for anew, the prompt is not made again here."""
    asked = next((one.event for one in await log.stream(f"job:{job}") if isinstance(one.event, JobRequested)), None)
    told, edits = (asked.parameters, _edits(asked.personal)) if asked is not None else ({}, {})
    async with log.pool.connection() as connection:
        names = {str(one.id): one.name for one in await catalog.presets(connection, log.vault)}
    words = tuple(changed(told, names, edits))
    changes = replace(parse(f"{name}={value}" for name, value in told.items() if name != "turn"), edits=edits)
    return Departure(words, None if changes.recalls else await first_difference(log, turn, changes))


def _edits(personal: Mapping[str, JsonValue]) -> dict[int, str]:
    """Other words by the position they stand at; none where they were erased."""
    edits = personal.get("edits")
    return {int(position): str(text) for position, text in edits.items()} if isinstance(edits, dict) else {}


async def first_difference(log: Log, turn: UUID, changes: PromptChanges) -> Difference | None:
    """Where the turn's last prompt first differs with these changes; None where it does not, or cannot be made again."""
    last: tuple[int, GenerationStarted] | None = None
    async with aclosing(forks.calls(log, RerunScope(turn=turn))) as found:
        async for position, started in found:
            last = position, started
    return None if last is None else (await forks.compared(log, *last, changes)).differs


async def answers(log: Log, job: UUID, turn: UUID) -> tuple[ExperimentRun, tuple[Side, Side]] | None:
    """The experiment's answer beside the recorded one; None as long as there is none."""
    recorded, end = await log.find(ids.derived("experiment run", job)), await log.find(ids.terminal(turn))
    if recorded is None or not isinstance(run := recorded.event, ExperimentRun):
        return None
    said = end.event if end is not None and isinstance(end.event, TurnCompleted) else None
    titles = (f"Answered by {said.model}" if said else "Not answered", f"By {run.model}, as an experiment")
    return run, sides(titles, (said.text if said else "", run.text))
