"""Carrying out a plan in one channel, with a record of every step."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from uuid import UUID

from bot.delivery.adopt import Digest, Found, adopt, chunk_of, is_chunk
from bot.delivery.errors import Later, Refused, Unsure, category
from bot.delivery.reconcile import Delete, Edit, Plan, Send, Visible, reconcile
from bot.delivery.records import Job, Wanted
from bot.delivery.reply import Shown
from bot.delivery.venue import Speaker, Upload, Venue
from engine import blobs, ids
from engine.events.craft.made import ReplyFileMade
from engine.failpoints import failpoint
from engine.store import Log, NewEvent
from projections.follow import runner
from projections.models import history

ROUNDS = 5
"""How often a plan is made anew because a message that was to be edited is gone."""
GONE = (10008, 10015, 50005)
"""Discord's codes for a message that we cannot edit: it is not there, or its webhook is not, or it is somebody else's."""


class Showing:
    """One job on its way. `seen` is kept up to date; `texts` are the words of all versions of the reply, cut into messages."""

    def __init__(
        self,
        log: Log,
        venue: Venue,
        job: Job,
        speaker: Speaker,
        seen: Shown,
        texts: Mapping[UUID, Sequence[str]],
        digest: Digest,
        still_ours: Callable[[], bool],
    ) -> None:
        self._log, self._venue, self._job, self._speaker = log, venue, job, speaker
        self.seen, self._texts, self._digest, self._still_ours = seen, texts, digest, still_ours
        self._unsure = seen.intended is not None or seen.left_open is not None or bool(seen.streaming)
        self._kept_back: list[NewEvent] = []

    @property
    def name(self) -> str:
        """Of whom is shown what."""
        return self._speaker.name

    async def run(self, wanted: Sequence[Wanted]) -> None:
        """Make the channel show exactly this, and record that it does. Raises Refused, Unsure, Busy, Later."""
        webhook_id = await self._venue.voice(self._job.place)
        self.seen.webhook_id = self.seen.webhook_id or webhook_id
        wanted = await self._without_deleted(wanted)
        await self._intend(wanted)
        for _ in range(ROUNDS):
            plan = self._plan(wanted)
            if self._unsure and (self.seen.streaming or any(isinstance(action, Send) for action in plan.actions)):
                await self._adopt(wanted, plan)
                continue
            if await self._carried_out(wanted, plan):
                return
        raise Unsure("what is to be shown", "messages vanish while they are edited")

    async def withdraw(self) -> None:
        """Take away what stands there of an answer that nobody is to see: the beginnings of one that was shown while it was made."""
        if self._unsure and self.seen.streaming:
            await self._adopt([], reconcile([], self.visible()))
        for message, shows in list(self.seen.messages.items()):
            if shows is None:
                await self._venue.delete(self._job.place, message, self.seen.webhook_id)
                del self.seen.messages[message]

    def visible(self) -> list[Visible]:
        """What stands in the channel as far as we know, in channel order."""
        return [self._visible(message) for message in sorted(self.seen.messages)]

    def _visible(self, message: int) -> Visible:
        match self.seen.messages[message]:
            case None:
                return Visible(message, None)
            case (version, int(index)):
                texts = self._texts.get(version, ())
                return Visible(message, texts[index] if index < len(texts) else None)
            case (_, UUID() as file):
                return Visible(message, "", file)

    def _plan(self, wanted: Sequence[Wanted]) -> Plan:
        """Files are told by their ids: what is said with one never changes."""
        texts = ["" if one.file is not None else one.text for one in wanted]
        return reconcile(texts, self.visible(), [one.file.file_id if one.file is not None else None for one in wanted])

    async def _without_deleted(self, wanted: Sequence[Wanted]) -> list[Wanted]:
        """A message that somebody took away is not edited; a chunk that was shown already, and taken away, is not shown again."""
        gone: set[int] = set()
        for message in self.seen.messages if self._venue.remote else ():
            if await self._log.find(ids.message_event(message, "deleted")) is not None:
                gone.add(message)
        self.seen.messages = {message: shows for message, shows in self.seen.messages.items() if message not in gone}
        taken = {chunk for chunk, message in self.seen.recorded.items() if message in gone}
        return [one for one in wanted if one.piece not in taken]

    async def _intend(self, wanted: Sequence[Wanted]) -> None:
        if self.seen.intended is not None:
            return
        chunks = [chunk_of(_told_by(one), self._digest) for one in wanted]
        intended = self._job.intended(chunks, await self._newest(), self.seen.webhook_id)
        if not self._venue.remote:
            self._kept_back.append(intended)
        elif (await self._log.append(intended)).repeated:
            self._unsure = True  # another process was here; what it sent stands in the channel
        self.seen.intended = intended.event  # type: ignore[assignment]  # what the job just built

    async def _newest(self) -> int:
        """The newest message in the channel that we know: what we send now comes after it, by Discord's own clock."""
        if not self._venue.remote:
            return self._job.message_id
        if (newest := self.seen.newest) is None:
            async with self._log.pool.connection() as connection:
                newest = await history.newest_message(connection, self._job.place.channel_id)
        return max(newest or 0, self._job.message_id)

    async def _adopt(self, wanted: Sequence[Wanted], plan: Plan) -> None:
        """Record what stands in the channel although the log does not know it."""
        self._unsure = False
        found = await self._strangers()
        for index, intent in list(self.seen.streaming.items()):
            if (match := next((m for m in found if is_chunk(m.text, intent.chunk, self._digest)), None)) is not None:
                found.remove(match)
                await self._log.append(self._job.stream_shown(index, match.id, intent.webhook_id, adopted=True))
                self.seen.messages[match.id] = None
        sends = [action.index for action in plan.actions if isinstance(action, Send)]
        chunks = self.seen.intended.chunks if self.seen.intended is not None else ()
        recorded = [chunks[index] if index < len(chunks) else None for index in sends]
        after = max(self.seen.messages, default=0)
        texts, files = [wanted[index].text for index in sends], [file.name if (file := wanted[index].file) else "" for index in sends]
        for number, message in adopt(texts, recorded, found, self._digest, after, files).items():
            one = wanted[sends[number]]
            await self._log.append(self._job.delivered(one, message, self.seen.webhook_id, adopted=True))
            self.seen.messages[message] = one.piece
            self.seen.recorded[one.piece] = message

    async def _strangers(self) -> list[Found]:
        """Our messages since the intention that belong to no reply. Waits until the read model knows all that the log does."""
        if not await runner.wait_for(self._log.pool, ["history"], await self._log.head()):
            raise Later(1.0)  # without it another reply's message might be taken for ours
        intents = [
            intent.after_message_id
            for intent in (self.seen.intended, self.seen.left_open, *self.seen.streaming.values())
            if intent is not None
        ]
        found = await self._venue.find(self._job.place, min(intents, default=self._job.message_id))
        async with self._log.pool.connection() as connection:
            owned = await history.owned(connection, [message.id for message in found])
        return [message for message in found if message.id not in owned and message.id not in self.seen.messages]

    async def _carried_out(self, wanted: Sequence[Wanted], plan: Plan) -> bool:
        """Carry a plan out; False when a message to edit is gone, so that another plan is needed."""
        for action in plan.actions:
            match action:
                case Edit():
                    if not await self._edited(action.id, wanted[action.index]):
                        return False
                case Delete():
                    await self._venue.delete(self._job.place, action.id, self.seen.webhook_id)
                    del self.seen.messages[action.id]
                case Send():
                    await self._sent(wanted[action.index], last=action is plan.actions[-1])
        if not self.seen.done:
            moved = [self._job.delivered(wanted[index], message, self.seen.webhook_id) for index, message in self._moved(wanted, plan)]
            await self._append(*moved, self._complete())
        return True

    def _moved(self, wanted: Sequence[Wanted], plan: Plan) -> list[tuple[int, int]]:
        """Messages that say the right thing already, but as a chunk of another version."""
        return [(index, message) for index, message in plan.kept.items() if self.seen.messages.get(message) != wanted[index].piece]

    async def _edited(self, message: int, one: Wanted) -> bool:
        try:
            await self._venue.edit(self._job.place, message, one.text, self.seen.webhook_id)
        except Refused as error:
            if error.status in (401, 403) and error.code not in GONE:
                raise
            if error.code in GONE:
                with suppress(Refused):  # one whose webhook is gone can still be taken away
                    await self._venue.delete(self._job.place, message, None)
            else:  # it cannot be changed: where it can be taken away, another one takes its place
                await self._replaced(message, error)
            del self.seen.messages[message]
            return False
        self.seen.messages[message] = one.piece
        await self._record(self._job.delivered(one, message, self.seen.webhook_id))
        return True

    async def _replaced(self, message: int, refused: Refused) -> None:
        """Take away a message whose change was refused. Raises that refusal when it stays: the answer must not stand there twice."""
        try:
            await self._venue.delete(self._job.place, message, self.seen.webhook_id)
        except Refused:
            raise refused from None

    async def _sent(self, one: Wanted, *, last: bool) -> None:
        """Post one message and record it; with the last one the end, in the same append."""
        if not self._still_ours():
            raise Later(1.0)
        failpoint("deliver.before_post")
        record = await self._with_file(one, one.file) if one.file is not None else await self._with_text(one)
        if last:
            await self._append(record, self._complete())
            self.seen.done = True
        else:
            await self._record(record)

    async def _with_text(self, one: Wanted) -> NewEvent:
        message = self._own_place()
        if message is None:
            message, self.seen.webhook_id = await self._venue.send(self._job.place, self._speaker, one.text, self._job.key, one.index)
        return self._posted(one, message, self.seen.webhook_id)

    async def _with_file(self, one: Wanted, file: ReplyFileMade) -> NewEvent:
        """Post a file. One that cannot be shown is no obstacle: the reply stands without it, and the log says why."""
        content = await blobs.get(self._log.pool, self._log.vault, file.file)
        if content is None:
            return self._job.file_dropped(file, "erased")
        upload = Upload(file.name, file.media_type, content, one.text, file.alt, file.as_voice, file.seconds or 0.0, file.waveform)
        message, webhook_id = self._own_place(), None
        try:
            if message is None:
                message, webhook_id = await self._venue.send_file(self._job.place, self._speaker, upload, file.file_id, one.index)
        except Refused as error:
            if error.status == 401:  # the token is no longer good: nothing is wrong with the file
                raise
            return self._job.file_dropped(file, category(error), error.status)
        return self._posted(one, message, webhook_id)

    def _posted(self, one: Wanted, message: int, webhook_id: int | None) -> NewEvent:
        failpoint("deliver.after_post")
        self.seen.messages[message] = one.piece
        self.seen.recorded[one.piece] = message
        return self._job.delivered(one, message, webhook_id)

    def _own_place(self) -> int | None:
        """The first message it once stood in, where a message is only what the log says: brought back, it stands where it stood."""
        return None if self._venue.remote else min(self.seen.former - self.seen.messages.keys(), default=None)

    def _complete(self) -> NewEvent:
        return self._job.complete(sorted(self.seen.messages), self.seen.webhook_id)

    async def _record(self, event: NewEvent) -> None:
        if self._venue.remote:
            await self._log.append(event)
        else:
            self._kept_back.append(event)

    async def _append(self, *events: NewEvent) -> None:
        """What was kept back and these, in one append: where nothing is sent, nothing can be half done."""
        await self._log.append(*self._kept_back, *events)
        self._kept_back = []


def _told_by(one: Wanted) -> str:
    """What tells a message from others in the record of what is about to be sent."""
    return one.file.name if one.file is not None else one.text
