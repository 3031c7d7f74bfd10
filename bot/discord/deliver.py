"""A finished turn becomes visible, exactly once (A15, R03).

Before anything is posted the log says what is intended; after each post it says what is visible. After a crash, or an answer of
Discord's that never came, the channel itself is asked which of the intended messages stand there: those are adopted, only the
others are sent.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID
from weakref import WeakValueDictionary

from bot import requests
from bot.discord import limits, plan
from bot.discord.names import avatar, legal
from bot.discord.plan import Answer
from bot.discord.post import Post
from bot.discord.rest import Busy, Refused, Unsure
from bot.notices import error_notice
from engine import clock, ids, log
from engine.bus import Reference, Retry
from engine.bus.consumer import TRANSIENT
from engine.events.base import Event
from engine.events.message import MessageReceived
from engine.events.reply import Chunk, ChunkDelivered, DeliveryFailed, DeliveryIntended, ReplyDelivered
from engine.events.turn import TurnCompleted, TurnFailed, TurnRequested
from engine.failpoints import failpoint
from engine.store import Log, Recorded
from projections.follow import runner
from projections.models import catalog, deliveries, history, turns
from projections.models.catalog import Character

TRIES, GIVE_UP = 3, 5
TURN_WAIT_S = 600.0
"""How long an answer waits for those before it to the same message."""
MUTE_AFTER, MUTE_S = 3, 600.0
"""After so many refusals for missing permission in a row, nothing is tried in a channel for so long."""
_log = log.get("discord.deliver")

type Ended = TurnCompleted | TurnFailed


@dataclass(slots=True)
class Progress:
    """What the log says about one answer."""

    intended: DeliveryIntended | None = None
    sent: dict[int, int] = field(default_factory=dict)
    done: bool = False


class Deliver:
    """Delivers answers of the venue discord. `on_start` is called with the turn when its answer is about to appear."""

    def __init__(self, log: Log, post: Post, on_start: Callable[[UUID], None] = lambda _: None) -> None:
        self._log, self._post, self._on_start = log, post, on_start
        self._busy: set[UUID] = set()
        self._odd: dict[int, int] = {}
        self._sweeping = asyncio.Semaphore(8)
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._forbidden: dict[int, tuple[int, float]] = {}

    async def handle(self, reference: Reference) -> None:
        """The consumer's handler: one reference to turn.completed or turn.failed. Raises Retry."""
        await self.deliver(reference.position)

    async def sweep(self, older_than_s: float = 0.0) -> int:
        """Deliver what is due and nobody delivered, from the read model; answers how many were looked at."""
        async with self._log.pool.connection() as connection:
            due = await deliveries.unfinished(connection, venue="discord")
        old = [d for d in due if (clock.now() - d.due_at).total_seconds() >= older_than_s]
        await asyncio.gather(*(self._swept(d.position) for d in old))
        return len(old)

    async def _swept(self, position: int) -> None:
        if self._odd.get(position, 0) >= GIVE_UP:
            return
        async with self._sweeping:
            try:
                await self.deliver(position)
            except Retry:
                return
            except TRANSIENT:
                raise
            except Exception as error:  # one answer that cannot be digested must not stop the others
                self._odd[position] = self._odd.get(position, 0) + 1
                _log.error("an answer could not be delivered", position=position, exc_info=error)

    async def deliver(self, position: int) -> None:
        """Make the answer at this position of the log visible. Returns at once when it is, or when it is being delivered."""
        recorded = (await self._log.at([position]))[0]
        event = recorded.event
        if not isinstance(event, TurnCompleted | TurnFailed) or event.turn_id in self._busy:
            return
        self._busy.add(event.turn_id)
        try:
            await self._deliver(event, position, erased=recorded.erased)
        finally:
            self._busy.discard(event.turn_id)

    async def _deliver(self, event: Ended, position: int, *, erased: bool) -> None:
        progress = await self._progress(event.turn_id)
        if progress.done:
            return
        await self._wait_for_earlier(event, position)
        self._on_start(event.turn_id)
        lock = self._locks.setdefault(event.channel_id, asyncio.Lock())
        async with lock:
            answer = await self._answer(event)
            if (why := await self._why_not(event, answer, erased=erased)) is not None:
                await self._log.append(plan.failed(answer, why, None, len(progress.sent)))
                return
            await self._show(answer, progress)

    async def _show(self, answer: Answer, progress: Progress) -> None:
        channel = answer.place.channel_id
        try:
            await self._post_all(answer, progress)
            self._forbidden.pop(channel, None)
        except Busy as error:
            raise Retry(error.after) from error
        except Unsure as error:
            _log.warning("will deliver later", turn=str(answer.turn_id), why=str(error))
            raise Retry(5.0) from error
        except Refused as error:
            if error.status == 401:  # the token is no longer good; the gateway says so, too
                raise Retry(30.0) from error
            if error.status == 403:
                self._forbidden[channel] = (self._forbidden.get(channel, (0, 0.0))[0] + 1, clock.monotonic())
            _log.error("not delivered", turn=str(answer.turn_id), channel=channel, status=error.status, code=error.code)
            await self._log.append(plan.failed(answer, _category(error), error.status, len(progress.sent)))

    async def _post_all(self, answer: Answer, progress: Progress) -> None:
        hook = await self._post.voice(answer.place)
        if progress.intended is None:
            await self._log.append(plan.intended(answer, hook.id if hook else None))
        else:
            await self._adopt(answer, progress, progress.intended.chunks)
        for index in range(len(answer.texts)):
            if index in progress.sent:
                continue
            failpoint("deliver.before_post")
            await self._send(answer, index, progress)
        if len(progress.sent) == len(answer.texts) and not progress.done:
            await self._log.append(plan.complete(answer, progress.sent, hook.id if hook else None))

    async def _send(self, answer: Answer, index: int, progress: Progress) -> None:
        """Post one chunk and record it. After an unsure answer the channel is asked before posting again."""
        for attempt in range(TRIES):
            try:
                message_id, webhook_id = await self._post.send(answer, index)
            except Unsure:
                if attempt == TRIES - 1:
                    raise
                await asyncio.sleep(0.5 * 2**attempt)
                await self._adopt(answer, progress, ())
                if index in progress.sent:
                    return
            else:
                failpoint("deliver.after_post")
                await self._visible(answer, progress, index, message_id, webhook_id, adopted=False)
                return

    async def _adopt(self, answer: Answer, progress: Progress, chunks: tuple[Chunk, ...]) -> None:
        """Record what stands in the channel although the log does not know it."""
        if len(progress.sent) == len(answer.texts):
            return
        webhook_id = progress.intended.webhook_id if progress.intended else None
        found = plan.adopt(answer, chunks, progress.sent, await self._standing(answer))
        for index, message_id in found.items():
            await self._visible(answer, progress, index, message_id, webhook_id, adopted=True)

    async def _standing(self, answer: Answer) -> list[plan.Standing]:
        """Our messages after the trigger that belong to no answer yet. Waits until the read model knows all that the log does."""
        if not await runner.wait_for(self._log.pool, ["history"], await self._log.head()):
            raise Retry(1.0)  # without it another turn's message might be taken for ours
        messages = await self._post.standing(answer)
        async with self._log.pool.connection() as connection:
            return [m for m in messages if await history.speaker_of(connection, m.id) is None]

    async def _visible(
        self, answer: Answer, progress: Progress, index: int, message_id: int, webhook_id: int | None, *, adopted: bool
    ) -> None:
        """Record a chunk; with the last one the whole reply, in the same append."""
        progress.sent[index] = message_id
        events = [plan.delivered(answer, index, message_id, webhook_id, adopted=adopted)]
        if len(progress.sent) == len(answer.texts):
            events.append(plan.complete(answer, progress.sent, webhook_id))
            progress.done = True
        await self._log.append(*events)

    async def _progress(self, turn_id: UUID) -> Progress:
        progress = Progress()
        for recorded in await self._log.stream(plan.stream(turn_id)):
            match recorded.event:
                case DeliveryIntended() as intended:
                    progress.intended = intended
                case ChunkDelivered() as chunk:
                    progress.sent[chunk.index] = chunk.message_id
                case ReplyDelivered() | DeliveryFailed():
                    progress.done = True
                case _:
                    pass
        return progress

    async def _wait_for_earlier(self, event: Ended, position: int) -> None:
        """Answers to one message appear in the order of their slots (A3). Raises Retry while an earlier one is not visible."""
        asked = await self._log.find(requests.request_id(event.turn_id))
        mine = asked.event if asked is not None else None
        if not isinstance(mine, TurnRequested) or mine.slot == 0 or _age(asked) > TURN_WAIT_S:
            return
        if not await runner.wait_for(self._log.pool, ["turns", "deliveries"], position, seconds=5.0):
            raise Retry(1.0)
        async with self._log.pool.connection() as connection:
            for turn in await turns.by_message(connection, event.message_id):
                if turn.slot < mine.slot and turn.epoch == mine.epoch and turn.status != "cancelled":
                    delivery = await deliveries.get(connection, turn.turn)
                    if turn.status == "pending" or delivery is None or delivery.status in ("due", "intended"):
                        raise Retry(0.25)

    async def _answer(self, event: Ended) -> Answer:
        received = self._log.find(ids.message_event(event.message_id, "received"))
        said, character = await asyncio.gather(received, self._character(event.character_id))
        place = _place(event, said)
        name = legal(character.name if character else "")
        own_words = character.description.error_message if character else ""
        text = event.text if isinstance(event, TurnCompleted) else error_notice(event, own_words)
        return Answer(
            turn_id=event.turn_id,
            message_id=event.message_id,
            user_id=event.user_id,
            character_id=event.character_id,
            kind="reply" if isinstance(event, TurnCompleted) else "error",
            place=place,
            name=name,
            avatar=avatar(character.description.avatar_url) if character else None,
            texts=plan.texts(text, name, dm=place.dm),
        )

    async def _character(self, character_id: UUID) -> Character | None:
        async with self._log.pool.connection() as connection:
            return await catalog.character(connection, self._log.vault, character_id)

    def _is_muted(self, channel: int) -> bool:
        times, last = self._forbidden.get(channel, (0, 0.0))
        return times >= MUTE_AFTER and clock.monotonic() - last < MUTE_S

    async def _why_not(self, event: Ended, answer: Answer, *, erased: bool) -> str | None:
        """Why the answer must not be shown, if so."""
        if erased:
            return "user erased"
        if not answer.texts:
            return "empty"
        if self._is_muted(answer.place.channel_id):
            return "channel muted"
        gone = await self._log.find(ids.message_event(event.message_id, "deleted"))
        return "message deleted" if gone is not None else None


def _age(recorded: Recorded[Event] | None) -> float:
    return (clock.now() - recorded.row.recorded_at).total_seconds() if recorded is not None else 0.0


def _place(event: Ended, said: Recorded[Event] | None) -> plan.Place:
    message = said.event if said is not None else None
    if not isinstance(message, MessageReceived):
        return plan.Place(event.channel_id, event.guild_id, None, dm=event.guild_id is None)
    parent = message.parent_channel_id if message.channel_kind == "thread" else None
    return plan.Place(message.channel_id, message.guild_id, parent, dm=message.channel_kind == "dm")


def _category(error: Refused) -> str:
    if error.status == 403:
        return "missing permission"
    if error.code in (limits.UNKNOWN_CHANNEL, limits.UNKNOWN_WEBHOOK):
        return "channel gone"
    return "refused"
