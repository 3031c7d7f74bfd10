"""The turn inspector: why a character answered, what was asked of which model, what came back, and how it reached the people."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from bot import experiments
from bot.console.pages import conversation
from bot.console.pages.neighbours import asked_for, neighbours
from bot.console.people import called as people_called
from bot.console.render import page, problem
from bot.console.state import OPERATOR, Console, console_of
from bot.notices import error_notice
from engine import ids
from engine.events import Event
from engine.events.message import MessageReceived
from engine.events.reply import ChunkDelivered, DeliveryFailed, DeliveryIntended, ReplyDelivered
from engine.events.turn import GenerationStarted, TurnCancelled, TurnCompleted, TurnDeclined, TurnFailed, TurnRequested
from engine.store import Recorded
from projections import inspector
from projections.inspecting import gather
from projections.inspecting.inspection import chosen_by, shown
from projections.models import catalog, timeline
from projections.models.memories import generations
from projections.models.timeline import Filter
from projections.models.turns import Turn


@dataclass(frozen=True, slots=True)
class Flight:
    """Everything the log holds about one turn, in the order in which it happened."""

    turn: Turn
    message: Recorded[Event] | None
    events: tuple[Recorded[Event], ...]
    requested: Recorded[Event] | None = None
    attempts: tuple[Recorded[Event], ...] = ()
    outcome: Recorded[Event] | None = None
    delivery: tuple[Recorded[Event], ...] = ()


def flight(turn: Turn, message: Recorded[Event] | None, events: Sequence[Recorded[Event]]) -> Flight:
    """Sort a turn's events into its chapters. Pure."""
    outcome = _last(events, TurnCompleted, TurnFailed, TurnCancelled, TurnDeclined)
    return Flight(
        turn=turn,
        message=message,
        events=tuple(events),
        requested=_last(events, TurnRequested),
        attempts=tuple(r for r in events if isinstance(r.event, GenerationStarted)),
        outcome=outcome,
        delivery=tuple(r for r in events if isinstance(r.event, DeliveryIntended | ChunkDelivered | ReplyDelivered | DeliveryFailed)),
    )


def _last(events: Sequence[Recorded[Event]], *types: type[Event]) -> Recorded[Event] | None:
    return next((recorded for recorded in reversed(events) if isinstance(recorded.event, types)), None)


def answered(flight: Flight) -> dict[int, str]:
    """Which model answered, by attempt: one may be asked for and another one answer. Pure."""
    outcome = flight.outcome.event if flight.outcome else None
    return {outcome.attempt: outcome.model} if isinstance(outcome, TurnCompleted) and outcome.model else {}


async def inspect(request: Request) -> Response:
    """`GET /turns/{key}`: one turn by its id, its error's reference, or the id of a message."""
    console, key = console_of(request), request.path_params["key"].strip().lower()
    turn = await find(console, key)
    if turn is None:
        return problem(request, 404, "No such turn", "Give a turn's id, an error's reference, or the id of a message.")
    record = await load(console, turn)
    called = await conversation.names(console)
    outcome = record.outcome.event if record.outcome else None
    notice = error_notice(outcome, await _own_words(console, outcome.character_id)) if isinstance(outcome, TurnFailed) else ""
    asked, status = await asked_for(console, request.query_params)
    async with console.log.pool.connection() as connection:
        made_by = await generations.of_channel(connection, turn.channel)
        embedders = await generations.embedded(connection)
        presets = [one for one in await catalog.presets(connection, console.log.vault) if not one.erased]
    context = {
        "flight": record,
        "found": await gather.of_turn(console.log, turn),
        "beside": await neighbours(console, asked, status, turn),
        "presets": presets,
        "preset_names": {one.id: one.name for one in presets},
        "generations": made_by,
        "embedders": embedders,
        "answered": answered(record),
        "versions": await experiments.versions(console.log, turn.character),
        "called": called,
        "names": await people_called(console, {turn.user_id}, {turn.channel} | ({turn.guild} if turn.guild else set())),
        "operator": OPERATOR,
        "notice": notice,
        "parameters": shown,
        "chosen_by": chosen_by,
    }
    return page(request, "turn.html", context, section="Turns")


async def find(console: Console, key: str) -> Turn | None:
    """The turn that a person means by an id, an error's reference, or the id or link of a message."""
    if not (key.isprintable() and key.isascii()):
        return None
    found = await inspector.find(console.log, key)
    return found[0] if found else None


async def load(console: Console, turn: Turn) -> Flight:
    """Read the turn's events from the log."""
    async with console.log.pool.connection() as connection:
        entries = (await timeline.page(connection, Filter(turn=turn.turn), limit=100)).entries
    events = await console.log.at([entry.position for entry in entries])
    message = await console.log.find(ids.message_event(turn.message_id, "received"))
    return flight(turn, message if message and isinstance(message.event, MessageReceived) else None, events)


async def _own_words(console: Console, character: UUID) -> str:
    async with console.log.pool.connection() as connection:
        found = await catalog.character(connection, console.log.vault, character)
    return found.description.error_message if found else ""
