"""One answer becomes visible, exactly once (A15, R03): what stands in the channel is made what the log says.

Before anything is posted the log says what is intended; after each post it says what is visible. After a crash, or an answer of the
venue's that never came, the channel itself is asked which of the intended messages stand there: those are adopted, only the others
are sent. Edits and deletions need no such care: doing them twice is doing them once.
"""

import asyncio
from collections.abc import Callable, Sequence
from uuid import UUID

from bot.delivery import around, looking, reply
from bot.delivery.adopt import Digest
from bot.delivery.errors import Busy, Later, Refused, Unsure, category
from bot.delivery.looking import About, Facts
from bot.delivery.records import Job, Wanted
from bot.delivery.reply import Versions
from bot.delivery.showing import Showing
from bot.delivery.venue import Place, Speaker, Venue
from bot.notices import error_notice, not_shown
from engine import clock, ids, log
from engine.events.base import Event, user_subject
from engine.events.craft.made import ReplyFileMade
from engine.events.message import MessageCued, MessageReceived
from engine.events.message import Venue as Name
from engine.events.reply import ReplyDeleted, ReplyKind
from engine.events.turn import TurnCompleted, TurnFailed
from engine.macros.scripts import Placement, Script, apply
from engine.store import Log, Query, Recorded
from projections.models.catalog import Character
from projections.models.deliveries import Delivery

MUTE_AFTER, MUTE_S = 3, 600.0
"""After so many refusals for missing permission in a row, nothing is tried in a channel for so long."""
LOCKED_OUT_TRIES = 20
"""How often an answer is tried with a token that is not good, 30 s apart."""
TELL_S = 20.0
ELSEWHERE = frozenset({"missing permission", "channel gone", "thread closed"})
"""Ends about the place itself: a word about them cannot stand there."""
NAMELESS = "Character"
_log = log.get("delivery")

StillOurs = Callable[[], bool]
"""Whether the right to post in the channel is ours this very moment."""


class Deliverer:
    """Shows answers of one venue. `on_start` is called with the turn when its answer is about to appear."""

    def __init__(self, log: Log, venue: Venue, on_start: Callable[[UUID], None]) -> None:
        self._log, self._venue, self._on_start = log, venue, on_start
        self._forbidden: dict[int, tuple[int, float]] = {}
        self._locked_out: dict[UUID, int] = {}

    async def deliver(self, row: Delivery, still_ours: StillOurs, newest: int | None = None, found: Facts | None = None) -> None:
        """Make it visible, or record why not. Returns at once when that was done. Raises Busy, Unsure, Later; then nothing is lost.

        `newest` is a message of the channel that stands there, `found` what was looked up for this very row since the right is ours.
        """
        if found is None or found.position != row.position:
            found = await looking.facts(self._log, row.position, About(row.turn, row.message_id, row.character, row.guild))
        job, known, character = job_of(row, found.cause, place_of(found.said, row.channel, row.guild)), found.known, found.character
        adds = isinstance(found.cause.event, ReplyFileMade)
        seen = await reply.shown(self._log, known.words, job.turn, job.key, found.streams, adds=adds)
        if seen.done:
            return
        seen.newest = newest
        self._on_start(job.turn)
        speaker = speaker_of(character)
        texts = {version: self._texts(known, version, speaker, character, job.place, found.rules) for version in known.words}
        wanted = [one for version in known.state.shown for one in wanted_of(version, texts.get(version, ()), seen.files.get(version, ()))]
        why = self._why_not(job, found, wanted)
        if why is not None and adds and seen.delivered:  # the reply stands there as it is
            await self._log.append(job.complete(sorted(seen.messages), seen.webhook_id))
            return
        showing = Showing(self._log, self._venue, job, speaker, seen, texts, await digest_for(self._log, job.user_id), still_ours)
        await self._carried_out(job, showing, wanted, why)

    async def withdraw(self, job: Job, still_ours: StillOurs) -> None:
        """Take away what was shown of an answer that was cancelled while it was made."""
        seen = await reply.shown(self._log, (), job.turn, job.key)
        if not seen.done:
            digest = await digest_for(self._log, job.user_id)
            showing = Showing(self._log, self._venue, job, Speaker(NAMELESS), seen, {}, digest, still_ours)
            await self._carried_out(job, showing, [], reply.CANCELLED)

    async def _carried_out(self, job: Job, showing: Showing, wanted: Sequence[Wanted], why: str | None) -> None:
        channel = job.place.channel_id
        try:
            if why is not None:
                await showing.withdraw()
                await self._log.append(job.failed(why, None, len(showing.seen.recorded)))
                return
            await showing.run(wanted)
            self._forbidden.pop(channel, None)
        except Refused as error:
            if error.status == 401 and self._may_wait(job):  # the token is no longer good; the gateway says so, too
                raise Later(30.0) from error
            if error.status == 403:
                self._forbidden[channel] = (self._forbidden.get(channel, (0, 0.0))[0] + 1, clock.monotonic())
            _log.error("not delivered", turn=str(job.turn), channel=channel, status=error.status, code=error.code)
            await self._ended(job, category(error), error.status, len(showing.seen.recorded), showing.name)

    def _may_wait(self, job: Job) -> bool:
        """Whether an answer may wait once more for the token to be put right."""
        tries = self._locked_out[job.key] = self._locked_out.get(job.key, 0) + 1
        return tries < LOCKED_OUT_TRIES

    async def _ended(self, job: Job, why: str, status: int | None, sent: int, name: str) -> None:
        """Tell the person, then record that it will not be shown. After a crash in between it is told under the same nonce."""
        self._locked_out.pop(job.key, None)
        reference = ids.reference()
        here = job.place.dm or why not in ELSEWHERE
        text = not_shown(name, why, status, reference, None if here else job.place.channel_id)
        try:
            async with asyncio.timeout(TELL_S):
                await self._venue.tell(job.place, job.user_id, text, ids.derived("not shown", job.key), here=here)
        except (Refused, Unsure, Busy, TimeoutError) as error:
            _log.warning("could not tell", turn=str(job.turn), channel=job.place.channel_id, error=type(error).__name__)
        await self._log.append(job.failed(why, status, sent, reference))

    async def give_up(self, row: Delivery, why: str) -> None:
        """Record that it will not be tried again, so that it is due no more."""
        place = Place(row.channel, row.guild, None, dm=row.guild is None)
        async for stored in self._log.rows(Query(after=row.position - 1, until=row.position)):
            key = row.turn if stored.type.startswith("turn.") else stored.id
            job = Job(row.turn, key, row.message_id, row.user_id, row.character, self._venue.name, "reply", place)
            if stored.type != ReplyFileMade.TYPE or not await self._without_file(job, stored.position, why):
                await self._ended(job, why, None, len(row.sent), NAMELESS)

    async def _without_file(self, job: Job, position: int, why: str) -> bool:
        """Give up the file that was to be added, so that the reply is looked at once more without it; False when that was done before."""
        made = (await self._log.at([position]))[0].event
        return isinstance(made, ReplyFileMade) and not (await self._log.append(job.file_dropped(made, why))).repeated

    def _texts(
        self, known: Versions, version: UUID, speaker: Speaker, character: Character | None, place: Place, rules: Sequence[Script]
    ) -> tuple[str, ...]:
        """What a version looks like: its words as regex scripts show them, with what stands around them, cut into messages."""
        words = known.words[version]
        own_words = character.description.error_message if character else ""
        text = (
            error_notice(words, own_words) if isinstance(words, TurnFailed) else apply(words.text, rules, Placement.CHARACTER, shown=True)
        )
        below = around.footer(words) if isinstance(words, TurnCompleted) and text else ""
        before = around.thoughts(words.reasoning) if isinstance(words, TurnCompleted) and words.show_thinking else ()
        return (*before, *self._venue.cut(f"{text}\n{below}" if below else text, speaker, place))

    def _why_not(self, job: Job, found: Facts, wanted: Sequence[Wanted]) -> str | None:
        """Why nothing must be shown for it, if so."""
        if isinstance(found.cause.event, ReplyDeleted):
            return None
        if job.turn in found.known.blank:
            return "user erased"
        if job.turn not in found.known.state.shown:
            return "superseded"
        if not wanted:
            return "empty"
        if self._is_muted(job.place.channel_id):
            return "channel muted"
        return "message deleted" if found.deleted else None

    def _is_muted(self, channel: int) -> bool:
        times, last = self._forbidden.get(channel, (0, 0.0))
        return times >= MUTE_AFTER and clock.monotonic() - last < MUTE_S


def wanted_of(version: UUID, texts: Sequence[str], files: Sequence[ReplyFileMade]) -> list[Wanted]:
    """The messages of a version: its text, and below it what was made for it. Pure."""
    total = len(texts) + len(files)
    said = [Wanted(version, number, total, text) for number, text in enumerate(texts)]
    made = [Wanted(version, len(texts) + number, total, file.caption, file) for number, file in enumerate(files)]
    return [*said, *made]


async def digest_for(log: Log, user_id: int) -> Digest:
    """By the key of the person it is for; of somebody who was erased, nothing is recognized any more."""
    subject = (user_subject(user_id),)
    key = (await log.vault.current([subject], create=False)).get(subject)
    if key is None:
        return lambda text: ids.reference()
    return lambda text: key.digest(text.encode("utf-8", "replace"))


def job_of(row: Delivery, cause: Recorded[Event], place: Place) -> Job:
    """What is to be done for an event by which something became due."""
    first = isinstance(cause.event, TurnCompleted | TurnFailed)
    kind: ReplyKind = "error" if isinstance(cause.event, TurnFailed) else "reply"
    venue: Name = "playground" if row.venue == "playground" else "discord"
    return Job(row.turn, row.turn if first else cause.id, row.message_id, row.user_id, row.character, venue, kind, place)


def speaker_of(character: Character | None) -> Speaker:
    """As whom a character speaks."""
    if character is None:
        return Speaker(NAMELESS)
    return Speaker(character.name or NAMELESS, character.description.avatar_url, character.sheet.avatar)


def place_of(said: Recorded[Event] | None, channel: int, guild: int | None) -> Place:
    """Where an answer goes: where the message was said, as far as that is in the log."""
    message = said.event if said is not None else None
    if not isinstance(message, MessageReceived | MessageCued):
        return Place(channel, guild, None, dm=guild is None)
    parent = message.parent_channel_id if message.channel_kind == "thread" else None
    return Place(message.channel_id, message.guild_id, parent, dm=message.channel_kind == "dm")
