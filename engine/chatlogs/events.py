"""A conversation from outside as the events it would have been here, each line one append with ids of its own. Pure.

A line's events come with their end, so that nobody answers them or sends them again. A repeat finds its ids taken and adds nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

from engine import ids
from engine.cards import trees
from engine.cards.trees import Tree
from engine.chatlogs import writing
from engine.chatlogs.log import ChatLog, LoggedLine
from engine.events.base import Event, Tags
from engine.events.build import Cause, new
from engine.events.message import MessageReceived
from engine.events.playground.chat import ChatLineKept
from engine.events.reply import ChunkDelivered, ReplyDelivered, ReplyEdited, VersionChosen
from engine.events.turn import TurnCompleted, TurnRequested
from engine.store.rows import NewEvent

VENUE = "playground"
FIRST = datetime(2015, 1, 2, tzinfo=UTC)
"""Ids of Discord's form begin in 2015: what is older has this time."""
LATEST = datetime(2080, 1, 1, tzinfo=UTC)
"""An id of Discord's form has no room for later times: they count as not told."""
UNDATED = datetime(2020, 1, 1, tzinfo=UTC)
"""The time of a conversation that tells none."""
LONGEST = 100_000


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a conversation goes: `identity` names it for its owner, `speakers` are characters by the names in the log."""

    identity: str
    owner_id: int
    character: UUID
    speakers: Mapping[str, UUID]
    channel: int


def channel_of(log: ChatLog, identity: str) -> int:
    """The id of the channel a conversation is put into."""
    first = next((line for line in log.lines), None)
    return ids.snowflake_at(_time(first, None) if first is not None else UNDATED) | _noise(identity, "channel")


def _noise(*key: object) -> int:
    return int.from_bytes(sha256("\x1f".join(map(str, key)).encode()).digest()[:3]) & 0x3FFFFF


def _time(line: LoggedLine, before: datetime | None) -> datetime:
    """A line's own time where it fits the order, else a millisecond after the one before."""
    told = line.shown.at if line.shown.at is not None and line.shown.at < LATEST else None
    return max(told or UNDATED, FIRST) if before is None else max(told or before, before + timedelta(milliseconds=1))


def appends(log: ChatLog, to: Destination) -> Iterator[tuple[NewEvent, ...]]:
    """What is appended for each line, in order; of one that is nobody's words only that it was there: `is_silent`."""
    asked: int | None = None
    answered: set[tuple[int, UUID]] = set()
    at: datetime | None = None
    for index, line in enumerate(map(_whole, log.lines)):
        at = _time(line, at)
        own = ids.snowflake_at(at) | _noise(to.identity, index)
        if line.system or not any(one.text.strip() for one in line.variants):
            yield (_kept(writing.row(line), own, at, to),)
        elif line.by_user:
            asked, more = own, rest_of(line)
            yield (_said(line, own, at, to), *([_kept(more, own, at, to)] if more else []))
        else:
            who = to.speakers.get(line.name, to.character)
            message = asked if asked is not None and (asked, who) not in answered else own
            answered.add((message, who))
            yield tuple(_Reply(line, at, own, message, who, to).rows())


def is_silent(group: Sequence[NewEvent]) -> bool:
    """Whether a line is a note of its program, or empty."""
    return group[0].event.TYPE == ChatLineKept.TYPE


def head_of(log: ChatLog, to: Destination) -> NewEvent:
    """What the log says of itself."""
    said = {"user_name": log.user, "character_name": log.character, "form": log.form, "head": log.head, "kept": log.kept}
    return _kept(said, to.channel, next((line.shown.at for line in log.lines), None) or UNDATED, to)


def rest_of(line: LoggedLine) -> Tree:
    """What a log says of a line besides its words, ready to be kept; {} for what every line says."""
    rest = {} if line.rest == {"extra": {}} else line.rest
    return {**({"rest": rest} if rest else {}), **({"kept": line.kept} if line.kept else {})}


def _kept(what: Tree, message: int, at: datetime, to: Destination) -> NewEvent:
    event = ChatLineKept(message_id=message, channel_id=to.channel, user_id=to.owner_id, kept=_text(what))
    return new(event, ids.derived("imported-kept", to.identity, message), occurred_at=at)


def _text(tree: Tree) -> str:
    return trees.written(tree).decode("utf-8", "replace")


def _whole(line: LoggedLine) -> LoggedLine:
    """The line, with texts that are longer than a message may be kept beside it."""
    texts = {"texts": [one.text for one in line.variants]} if any(len(one.text) > LONGEST for one in line.variants) else {}
    return replace(line, kept={**line.kept, **texts}) if texts else line


def _said(line: LoggedLine, message: int, at: datetime, to: Destination) -> NewEvent:
    event = MessageReceived(
        message_id=message,
        channel_id=to.channel,
        author_id=to.owner_id,
        channel_kind="dm",
        venue=VENUE,
        text=line.shown.text[:LONGEST],
        author_name=line.name[:100] or "Somebody",
    )
    return new(event, ids.message_event(message, "received"), occurred_at=at)


@dataclass(frozen=True, slots=True)
class _Reply:
    """A line of a character's, being made into events. `own` is the id under which it is seen, `message` what it answers."""

    line: LoggedLine
    at: datetime
    own: int
    message: int
    who: UUID
    to: Destination

    @property
    def turn(self) -> UUID:
        return ids.turn(self.message, self.who)

    def version(self, n: int) -> UUID:
        return self.turn if n == 0 else ids.derived("imported-version", self.turn, n)

    def rows(self) -> Iterator[NewEvent]:
        why = Cause(tags=Tags(character=self.who, user=self.to.owner_id, channel=self.to.channel))
        for n, event in enumerate((self._requested(), self._completed(), *self._shown())):
            key = ids.terminal(self.turn) if isinstance(event, TurnCompleted) else ids.derived("imported", self.turn, n)
            yield new(event, key, cause=why, occurred_at=self.line.variants[0].at or self.at)
        for n, event in enumerate(self._variants()):
            at = self.line.variants[n + 1].at if n + 1 < len(self.line.variants) else None
            yield new(event, ids.derived("imported-variant", self.turn, n), cause=why, occurred_at=at or self.at)

    def _requested(self) -> Event:
        return TurnRequested(
            turn_id=self.turn,
            message_id=self.message,
            channel_id=self.to.channel,
            user_id=self.to.owner_id,
            character_id=self.who,
            venue=VENUE,
            trigger="playground",
            reason="imported",
        )

    def _completed(self) -> Event:
        extra = self.line.rest.get("extra")
        known = extra if isinstance(extra, dict) else {}
        model, reasoning = known.get("model"), known.get("reasoning")
        return TurnCompleted(
            turn_id=self.turn,
            message_id=self.message,
            channel_id=self.to.channel,
            user_id=self.to.owner_id,
            character_id=self.who,
            venue=VENUE,
            attempt=1,
            model=(model if isinstance(model, str) and model.isprintable() else "imported")[:200] or "imported",
            provider="import",
            finish_reason="stop",
            text=self.line.variants[0].text[:LONGEST],
            reasoning=reasoning[:LONGEST] if isinstance(reasoning, str) else "",
            raw=trees.written(
                {"name": self.line.name, **self.line.rest, **({writing.KEPT: kept} if (kept := self.line.kept) else {})}
            ).decode("utf-8", "replace"),
        )

    def _shown(self) -> Iterator[Event]:
        yield ChunkDelivered(turn_id=self.turn, channel_id=self.to.channel, venue=VENUE, index=0, total=1, message_id=self.own)
        yield ReplyDelivered(
            turn_id=self.turn,
            channel_id=self.to.channel,
            user_id=self.to.owner_id,
            character_id=self.who,
            venue=VENUE,
            kind="reply",
            message_ids=(self.own,),
        )

    def _variants(self) -> Iterator[Event]:
        """The other variants, each as a version of the reply, and which of them was shown."""
        of = {"message_id": self.message, "character_id": self.who, "channel_id": self.to.channel, "user_id": self.to.owner_id}
        whose = of | {"venue": VENUE, "by_user_id": self.to.owner_id}
        last = len(self.line.variants) - 1
        for n in range(1, last + 1):
            text = self.line.variants[n].text[:LONGEST]
            yield ReplyEdited.model_validate(whose | {"version": self.version(n), "of": self.version(n - 1), "text": text})
        if self.line.chosen != last:
            yield VersionChosen.model_validate(whose | {"version": self.version(self.line.chosen), "shown": self.version(last)})
