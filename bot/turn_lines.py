"""Recent turns and quota hits as lines that Discord and the command line show alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from engine import clock
from engine.decide.rejected import Rejected
from engine.decide.spending.quota import Hit
from engine.outside import numbers
from engine.store import Log
from projections import said
from projections.models import catalog, quota, timeline, turns
from projections.models.places import servers
from projections.models.timeline import Filter
from projections.models.turns import Turn

MOST = 20
MOST_PEOPLE = 500
"""Names that are looked through where a person or a channel is meant by one."""
ENDED = frozenset({"turn.completed", "turn.failed", "turn.cancelled", "turn.declined"})
WINDOWS = (("1 h", timedelta(hours=1)), ("24 h", timedelta(hours=24)), ("7 d", timedelta(days=7)))


@dataclass(frozen=True, slots=True)
class ListedTurn:
    """A turn with its character's name, and its person's where that is known.

    `took_s` is from the message to the end, `wait_s` what of that nobody worked on it.
    """

    turn: Turn
    who: str
    took_s: float | None
    wait_s: float | None
    person: str = ""


async def recent(log: Log, wanted: Filter, *, limit: int = 10) -> list[ListedTurn]:
    """The latest turns that match any combination of person, channel, character, error, model and time; those not over yet only where
    nothing is asked that an end tells."""
    types = ENDED if wanted.category or wanted.model else frozenset({"turn.requested"})
    async with log.pool.connection() as connection:
        found = await timeline.page(connection, replace(wanted, types=types), limit=min(limit, 100))
        known = await turns.some(connection, [entry.turn for entry in found.entries if entry.turn])
        names = {one.id: one.name for one in await catalog.characters(connection, log.vault)}
        people = await said.names(connection, log.vault, {turn.user_id for turn in known})
    return [replace(listed(turn, names), person=people.get(turn.user_id, "")) for turn in known]


def listed(turn: Turn, names: Mapping[UUID, str]) -> ListedTurn:
    """The turn with what lists show. Pure."""
    took = (turn.ended_at - turn.requested_at).total_seconds() if turn.ended_at else None
    worked = float((turn.timing or {}).get("finished") or 0.0) / 1000
    return ListedTurn(turn, names.get(turn.character, "a deleted character"), took, None if took is None else max(took - worked, 0.0))


async def person_named(log: Log, text: str) -> int | None:
    """The person of this number, or of this name in what they last said; None for no text. Raises Rejected."""
    if (number := numbers.whole(text.strip())) is not None or not text.strip():
        return number
    async with log.pool.connection() as connection:
        known = await said.known_people(connection, log.vault, limit=MOST_PEOPLE)
    return _only(known, text.strip().removeprefix("@"), "person", "--user")


async def channel_named(log: Log, text: str) -> int | None:
    """The channel of this number, or of this name as Discord last told it; None for no text. Raises Rejected."""
    if (number := numbers.whole(text.strip())) is not None or not text.strip():
        return number
    async with log.pool.connection() as connection:
        known = (await servers.names(connection, log.vault, newest=MOST_PEOPLE)).channels
    return _only(known, text.strip().removeprefix("#"), "channel", "--channel")


def _only(names: Mapping[int, str], text: str, what: str, option: str) -> int:
    """Whose name it is, in whatever case. Raises Rejected, with the numbers where several bear it. Pure."""
    wanted = " ".join(text.split()).casefold()
    found = sorted(number for number, name in names.items() if " ".join(name.split()).casefold() == wanted)
    if len(found) == 1:
        return found[0]
    if found:
        raise Rejected(f"Several bear that name; {option} takes one of these numbers: {', '.join(map(str, found[:10]))}.")
    raise Rejected(f"There is no {what} of that name; {option} takes a number as well.")


async def character_named(log: Log, text: str) -> UUID | None:
    """The character of this name or short name; None for no text. Raises Rejected."""
    if not text:
        return None
    wanted = text.strip().removeprefix("@").casefold()
    async with log.pool.connection() as connection:
        for one in await catalog.characters(connection, log.vault):
            if wanted in {one.name.casefold(), one.slug.casefold(), str(one.id)}:
                return one.id
    raise Rejected("There is no such character.")


def markdown(found: Sequence[ListedTurn]) -> str:
    """The turns for Discord: newest first, each with the id that `/admin debug show` takes. No words of people."""
    if not found:
        return "No turn matches."
    return "\n".join(_line(one) for one in found)


def _line(one: ListedTurn) -> str:
    turn = one.turn
    outcome = f"{turn.status} ({turn.category})" if turn.category else turn.status
    spent = "" if one.took_s is None else f", {one.took_s:.1f} s" + (f" (waited {one.wait_s:.1f} s)" if (one.wait_s or 0) >= 1 else "")
    tokens = f", {turn.usage['prompt_tokens'] + turn.usage['completion_tokens']:,} tokens" if turn.usage else ""
    at = f"<t:{int(turn.requested_at.timestamp())}:R>"
    return f"- {at} **{one.who}** {outcome}{spent}{tokens}{f', {turn.model}' if turn.model else ''} `{turn.turn}`"


@dataclass(frozen=True, slots=True)
class QuotaLine:
    """How often a provider said "no more" of a model for a payer: in an hour, a day, a week. `until`: not asked before."""

    scope: str
    model: str
    category: str
    counts: tuple[int, ...]
    until: datetime | None


async def quota_lines(log: Log) -> list[QuotaLine]:
    """The hits of the last week, by payer and model."""
    now = clock.now()
    async with log.pool.connection() as connection:
        hits = await quota.hits(connection, since=now - WINDOWS[-1][1])
    return summed(hits, now)


def summed(hits: Sequence[Hit], now: datetime) -> list[QuotaLine]:
    """Hits by payer and model, the most first. Pure."""
    found: dict[tuple[str, str], list[Hit]] = {}
    for hit in hits:
        found.setdefault((hit.scope, hit.model), []).append(hit)
    lines = [
        QuotaLine(
            scope,
            model,
            many[-1].category.value,
            tuple(sum(hit.at > now - span for hit in many) for _, span in WINDOWS),
            until if (until := max(hit.reset for hit in many)) > now else None,
        )
        for (scope, model), many in found.items()
    ]
    return sorted(lines, key=lambda line: (tuple(-count for count in line.counts[::-1]), line.scope, line.model))


def quota_markdown(lines: Sequence[QuotaLine]) -> str:
    """The same for Discord."""
    if not lines:
        return "No provider has refused a call for its quota in the last 7 days."
    shown = []
    for line in lines:
        counts = ", ".join(f"{count} in {name}" for count, (name, _) in zip(line.counts, WINDOWS, strict=True))
        payer = "own key" if line.scope.startswith("key:") else line.scope
        until = f", not asked before <t:{int(line.until.timestamp())}:t>" if line.until else ""
        shown.append(f"- **{line.model}** ({payer}): {counts}; {line.category}{until}")
    return "\n".join(shown)
