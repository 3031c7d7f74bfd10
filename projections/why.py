"""Why a message was answered as it was, or not at all (F15): from the log's events alone, found by index."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from engine import ids
from engine.decide import reply
from engine.errors import TzurotError
from engine.events.base import Event
from engine.events.message import Declined, MessageDeclined
from engine.events.reply import DeliveryFailed, ReplyContinued, ReplyRegenerated
from engine.events.turn import GenerationStarted, TurnCancelled, TurnCompleted, TurnDeclined, TurnFailed
from engine.store import Log, Recorded
from projections import replies
from projections.models import catalog, turns
from projections.models.turns import Turn

_LINK = re.compile(r"(?:https://[^/\s]+/channels/(?:\d{1,20}|@me)/\d{1,20}/)?(\d{1,20})/?")


class NotAMessage(TzurotError):
    """What was given is neither the link nor the id of a message."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One turn of a message. `versions` counts those of its reply, `place` is this one's (0: not shown, or no version).

    `behind` are positions of earlier replies that its prompt held in a version that is not shown any more.
    """

    turn: Turn
    who: str
    calls: tuple[GenerationStarted, ...] = ()
    end: TurnCompleted | TurnDeclined | TurnFailed | TurnCancelled | None = None
    undelivered: str | None = None
    asked: ReplyRegenerated | ReplyContinued | None = None
    versions: int = 0
    place: int = 0
    live: bool = False
    closed: bool = False
    behind: tuple[int, ...] = ()
    ahead: int = 0
    """Turns of the same conversation that wait before this one."""


@dataclass(frozen=True, slots=True)
class Why:
    """What is known of a message. `channel` is None for one that was never read; `declined` are the reasons of the gate."""

    message_id: int
    channel: int | None = None
    answers: tuple[Answer, ...] = ()
    declined: tuple[tuple[Declined, str], ...] = ()
    deleted: bool = False
    program: bool = False


def message_of(text: str) -> int:
    """The id in a message's link, or the id itself. Raises NotAMessage."""
    found = _LINK.fullmatch(text.strip().strip("<>"))
    if found is None or not 0 < (number := int(found[1])) < 1 << 63:
        raise NotAMessage("Give the link of a message (right click, Copy Message Link), or its id.")
    return number


async def explain(log: Log, message_id: int) -> Why:
    """Of a reply's message the one answer it shows; of a person's message all answers to it, and who did not answer."""
    async with log.pool.connection() as connection:
        shown = await replies.of_message(connection, message_id)
        found = await turns.by_message(connection, shown.message_id if shown else message_id)
    if shown is not None:
        said = await _answers(log, [turn for turn in found if turn.character == shown.character], shown.turn)
        return Why(message_id, shown.channel, tuple(said))
    received = await log.find(ids.message_event(message_id, "received"))
    if received is None:
        return Why(message_id)
    declined = await log.find(ids.message_event(message_id, "declined"))
    reasons = declined.event.declined if declined is not None and isinstance(declined.event, MessageDeclined) else ()
    names = await _names(log, [reason.character_id for reason in reasons if reason.character_id])
    return Why(
        message_id,
        received.row.channel,
        tuple(await _answers(log, found)),
        tuple((reason, names.get(reason.character_id, "") if reason.character_id else "") for reason in reasons),
        deleted=await log.row(ids.message_event(message_id, "deleted")) is not None,
        program=getattr(received.event, "author_kind", "human") != "human",
    )


async def _answers(log: Log, found: Sequence[Turn], only: UUID | None = None) -> list[Answer]:
    """What is known of these turns; with `only` of that version, or of the turn behind the words that a person put in its place."""
    names = await _names(log, [turn.character for turn in found])
    made = [await _answer(log, turn, names.get(turn.character, "")) for turn in found]
    return [one for one in made if one.turn.turn == only] or (made[-1:] if only is not None else made)


async def _answer(log: Log, turn: Turn, who: str) -> Answer:
    events = await log.stream(f"turn:{turn.turn}")
    acts = await log.stream(reply.stream(turn.message_id, turn.character))
    state = reply.fold(one.event for one in await _whole(log, turn, acts))
    calls = tuple(one.event for one in events if isinstance(one.event, GenerationStarted))
    async with log.pool.connection() as connection:
        behind = await replies.left_behind(connection, calls[-1].history_ids) if calls else []
        ahead = await turns.ahead_of(connection, turn) if turn.status == "pending" else 0
    delivery = [one.event for one in await log.stream(f"delivery:{turn.turn}") if isinstance(one.event, DeliveryFailed)]
    return Answer(
        turn,
        who,
        calls,
        next((one.event for one in events if isinstance(one.event, TurnCompleted | TurnDeclined | TurnFailed | TurnCancelled)), None),
        delivery[-1].category if delivery else None,
        next((e for e in _asked(acts) if e.turn_id == turn.turn), None),
        len(state.versions),
        state.versions.index(turn.turn) + 1 if turn.turn in state.versions else 0,
        turn.turn in state.shown,
        state.closed,
        tuple(behind),
        ahead,
    )


async def _whole(log: Log, turn: Turn, acts: Sequence[Recorded[Event]]) -> list[Recorded[Event]]:
    """What happened to the turn's reply, in order: what people did with it, and the ends of its turns."""
    made = [reply.first_turn(turn.message_id, turn.character), *(event.turn_id for event in _asked(acts))]
    ends = [end for one in made if (end := await log.find(ids.terminal(one))) is not None]
    return sorted([*acts, *ends], key=lambda one: one.position)


def _asked(acts: Sequence[Recorded[Event]]) -> list[ReplyRegenerated | ReplyContinued]:
    return [one.event for one in acts if isinstance(one.event, ReplyRegenerated | ReplyContinued)]


async def _names(log: Log, characters: Sequence[UUID]) -> dict[UUID, str]:
    found = {}
    async with log.pool.connection() as connection:
        for who in dict.fromkeys(characters):
            character = await catalog.character(connection, log.vault, who)
            found[who] = character.name if character else "a deleted character"
    return found
