"""Recall for prompts: one index per channel and character in memory, brought in step with what may be met before each question.

What may be met is decided in SQL (projections.models.memories.memory_scope); the index is made to hold exactly that, so nothing else
can be found.
A new text is embedded once and its vectors are kept sealed; a turn embeds at most INLINE passages and finds the others by words meanwhile.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from engine import clock
from engine import log as logs
from engine.errors import StoreError
from engine.store import Log, connect
from projections.models.memories import generations, memory_scope
from projections.models.memories.memory_scope import MemoryScope
from projections.prompt.recall import Question, Remembered
from projections.prompt.sections import remembered
from worker.calm import Calm
from worker.memory import embed, model, passages, vectors_kept
from worker.memory.ask import Query
from worker.memory.behind import behind
from worker.memory.config import Dense, RecallConfig
from worker.memory.embed import Embedded
from worker.memory.engine import Engine, Hit
from worker.memory.index import Index, Memory, Prepared

OLDER, HELD = 10, 6
"""Memories found for one prompt: of what its history cannot show, and of what it might have to leave out."""
LOOKED_AT = 120
"""Best memories among which those are chosen."""
INLINE = 8
"""Passages that one turn embeds at most, some 5 ms each: several conversations may be met for the first time at once, and a text may have
a hundred."""
BEHIND = 32
"""Passages of new texts that are put in at a time behind a question; of one that has more, all."""
PIECE = 8
"""Of those, how many are embedded before turns are let by."""
AT_ONCE = 500
OPENED = 1000
"""Texts that one turn opens at most, the newest; what is older comes into the index behind it, before the next question."""
MOST = 30_000
"""Memories all indexes of a process hold together, at some 6 kB each; the index that was asked longest ago goes first."""
REST_S = 0.15
"""How long after a turn's end what was said is taken up: until then the processors are those who post the answer."""
LATEST_S = 2.0
"""How much longer it waits at most for a moment in which no turn hurries: there is none on a busy day."""
LATELY_S = 1.0
"""For how long a look at which embedder is chosen is good: whichever it is, vectors of two are never compared."""
THREADS = 1
"""Of one text's embedding: while a question is embedded, the read models it waits for need the other core more than it does."""
DECAY = 0.5
"""Weight of being recent, where it is wished."""
_log = logs.get("recall")


def decaying(days: int, waypoints: float = 0.0, *, centred: bool = True) -> RecallConfig:
    """The ranking's knobs with exp(-age / days) in it, 0 days: without; and with so much weight of what shares a name or a moment.

    `centred`: a memory's meaning is weighed against that of all.
    """
    decay = {"recency": DECAY, "recency_days": days} if days else {}
    return RecallConfig(waypoint=waypoints, dense=Dense(centred=centred), **decay)


@dataclass(slots=True)
class _Hot:
    """One index. `characters` are who replied, by reference; `bare` are the memories without vectors yet, `unread` those not in it yet."""

    index: Index = field(default_factory=Index)
    characters: dict[str, UUID | None] = field(default_factory=dict)
    bare: set[str] = field(default_factory=set)
    unread: list[str] = field(default_factory=list)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    filling: asyncio.Task[None] | None = None


@dataclass(slots=True)
class Recaller:
    """Ranks memories for prompts. One per process; `full`: by vectors, too. `only`: of this embedder, whichever is chosen.

    `decay_days`: what is recent counts more, a third of that after so many days; 0 for not at all. Age is read, nothing is changed by it.
    `waypoints`: weight of memories that name the same thing as others that were found. `contrastive`: what all memories have in common
    counts nothing.
    `calm`: what was said is taken up while it says that no turn hurries.
    """

    log: Log
    full: bool = True
    only: str | None = None
    decay_days: int = 0
    waypoints: float = 0.0
    contrastive: bool = True
    rest_s: float = REST_S
    calm: Calm = field(default_factory=Calm)
    _engine: Engine | None = None
    _vectors: str = ""
    _looked: float = -LATELY_S
    _hot: "OrderedDict[tuple[str, int, UUID], _Hot]" = field(default_factory=OrderedDict)
    _filling: set[asyncio.Task[None]] = field(default_factory=set)
    _in_line: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Whoever fills an index does a piece of it at a time, and then others' are due: one busy conversation holds up no other."""
    _working_ahead: set[asyncio.Task[None]] = field(default_factory=set)

    async def __call__(self, question: Question) -> Sequence[Remembered]:
        """The best memories for a question: OLDER of what the history cannot show, HELD of what it may leave out."""
        if clock.monotonic() - self._looked > LATELY_S:
            await self._chosen_embedder()
        scope = question.scope
        key = (scope.venue, scope.channel, scope.reader)
        hot = self._hot.setdefault(key, _Hot())
        self._hot.move_to_end(key)
        async with hot.lock:
            engine = await self.engine()
            await self._in_step(engine, hot, question.candidates)
            asked, *recent = await remembered.contents(self.log, [question.asked, *question.recent])
            said = [one.text for one in recent if one.kind == "said" and one.speaker == asked.speaker]
            query = Query(question.text or asked.text, recent=[] if question.text else said, speaker=asked.speaker, at=asked.at)
            found = await asyncio.to_thread(engine.recall, hot.index, query, LOOKED_AT)
            chosen = _chosen(found.hits, question)
            where = await self._passages(hot, chosen)
        self._bounded()
        return [Remembered(hit.id + where.get(hit.id, ""), hit.score, hit.parts, hot.characters.get(hit.id)) for hit in chosen]

    def expect(self, venue: str, channel: int, reader: UUID, text: str) -> None:
        """See Recall: embeds the text while the question is still being put together."""
        if (venue, channel, reader) in self._hot and self._engine is not None:
            self._ahead(partial(self._expected, self._engine, text))

    async def _expected(self, engine: Engine, text: str) -> None:
        """Embed what will be asked, and look meanwhile which embedder is chosen: the question need not look again."""
        await asyncio.gather(asyncio.to_thread(engine.expect, text), self._chosen_embedder())
        self._looked = clock.monotonic()

    def learn(self, scope: MemoryScope) -> None:
        """See Recall: brings the index in step, so that the next question finds what was said embedded."""
        if (hot := self._hot.get((scope.venue, scope.channel, scope.reader))) is not None and self._engine is not None:
            self._ahead(partial(self._learn, self._engine, hot, scope))

    async def _learn(self, engine: Engine, hot: _Hot, scope: MemoryScope) -> None:
        await asyncio.sleep(self.rest_s)
        await self.calm.come(LATEST_S)
        async with hot.lock:
            async with self.log.pool.connection() as connection:
                candidates = await memory_scope.met(connection, scope)
            await self._in_step(engine, hot, candidates)

    def _ahead(self, doing: Callable[[], Awaitable[None]]) -> None:
        async def work() -> None:
            with suppress(StoreError, LookupError, *connect.TROUBLE):  # then the question does it
                await doing()

        task = asyncio.create_task(work(), name="recall ahead")
        self._working_ahead.add(task)
        task.add_done_callback(self._working_ahead.discard)

    async def _passages(self, hot: _Hot, hits: Sequence[Hit]) -> dict[str, str]:
        """For memories of several passages, where the one that was found stands: `=800-1590`."""
        long = {hit.id: hit.passage for hit in hits if len(hot.index.entries[hit.id].keys) > 1}
        found = dict[str, str]()
        for one in await remembered.contents(self.log, list(long)):
            start, end = passages.spans(one.text)[long[one.ref]]
            found[one.ref] = f"={start}-{end}"
        return found

    async def _chosen_embedder(self) -> None:
        """Begin anew where another embedder was chosen: what one made is never compared with what another made."""
        wanted = self.only
        if wanted is None:
            async with self.log.pool.connection() as connection:
                wanted = await generations.chosen(connection, "vectors")
        if wanted != self._vectors and (wanted in embed.EMBEDDERS or not wanted):
            self._vectors = wanted
            if self.full:
                self._engine = None
                self._hot.clear()

    async def prepare(self) -> None:
        """Load the embedder that is chosen now, so that no question waits for it."""
        await self._chosen_embedder()
        await self.engine()

    async def engine(self) -> Engine:
        """The arithmetic, its model loaded on the first question ever."""
        if self._engine is None:
            embedder = await asyncio.to_thread(_embedder, self._vectors) if self.full else None
            self._engine = Engine(embedder, decaying(self.decay_days, self.waypoints, centred=self.contrastive))
        return self._engine

    async def _in_step(self, engine: Engine, hot: _Hot, candidates: Sequence[str]) -> None:
        """Make the index hold exactly the candidates."""
        wanted = set(candidates)
        if gone := hot.index.entries.keys() - wanted:
            for ref in gone:
                hot.index.remove(ref)
                hot.characters.pop(ref, None)
            hot.bare -= gone
        unread = [ref for ref in candidates if ref not in hot.index]
        hot.unread, new = unread[:-OPENED], unread[-OPENED:]
        for at in range(0, len(new), AT_ONCE):
            await self._add(engine, hot, new[at : at + AT_ONCE], inline=INLINE if at + AT_ONCE >= len(new) else 0)
        waits = hot.unread or (hot.bare and engine.embedder is not None)
        if waits and (hot.filling is None or hot.filling.done()):
            hot.filling = asyncio.create_task(self._fill(engine, hot), name="embed memories")
            self._filling.add(hot.filling)
            hot.filling.add_done_callback(self._filling.discard)

    async def _add(
        self, engine: Engine, hot: _Hot, refs: Sequence[str], *, inline: int = 0, embedded: Mapping[str, Embedded] | None = None
    ) -> None:
        """Put memories in: with the vectors that are kept, or `embedded` by their passages; of the others the newest that have at most

        `inline` passages together with new ones, the rest without.
        """
        contents = [one for one in await remembered.contents(self.log, refs) if not one.erased]
        keys = await self.log.vault.keys({one.subject for one in contents})
        memories = {one.ref: vectors_kept.memory_of(one) for one in contents if one.subject in keys}
        known = await vectors_kept.load(self.log, engine, memories, contents, keys)
        unknown = {ref: memory for ref, memory in memories.items() if ref not in known}
        new = await asyncio.to_thread(_of, engine, embedded, unknown) if embedded else {}
        fitting = await asyncio.to_thread(_fitting, engine, unknown, inline) if inline and engine.embedder is not None else []
        missing = {ref for ref in fitting if ref not in new}
        prepared, made = await asyncio.to_thread(_prepared, engine, memories, known | new, missing | new.keys())
        for one in prepared:
            hot.index.add(one)
        hot.characters.update({one.ref: one.character for one in contents})
        hot.bare -= set(refs)
        if engine.embedder is not None:
            hot.bare |= unknown.keys() - made.keys()
            await vectors_kept.put(self.log, engine, made, contents, keys)

    async def _fill(self, engine: Engine, hot: _Hot) -> None:
        """Read what the index does not hold yet, and embed what it holds without vectors, a little at a time, the newest first."""
        with suppress(StoreError, *connect.TROUBLE):  # the next question begins again
            while hot.unread:
                async with self._in_line, hot.lock:  # a question that came between has said anew what may be met
                    some, hot.unread = hot.unread[-AT_ONCE:], hot.unread[:-AT_ONCE]
                    await self._add(engine, hot, some)
                self._bounded()
            while hot.bare and engine.embedder is not None:
                newest = sorted(hot.bare, key=remembered.position)[-BEHIND:]
                some, embedded = await self._embedded(engine, engine.embedder, newest)
                async with hot.lock:
                    await self._add(engine, hot, some, embedded=embedded)

    async def _embedded(self, engine: Engine, embedder: embed.Embedder, refs: Sequence[str]) -> tuple[list[str], dict[str, Embedded]]:
        """The newest of these that have at most BEHIND passages together, but one at least, and the vectors of each of their passages.

        No question waits meanwhile, neither for the lock of its index nor for a processor.
        """
        contents = [one for one in await remembered.contents(self.log, refs) if not one.erased]
        memories = {one.ref: vectors_kept.memory_of(one) for one in contents}
        some, said = await asyncio.to_thread(_spoken, engine, memories)
        found = dict[str, Embedded]()
        for at in range(0, len(said), PIECE):
            async with self._in_line:
                await self.calm.come(LATEST_S)
                piece = said[at : at + PIECE]
                found |= zip(piece, await behind(partial(embedder.embed, piece)), strict=True)
        return [*some, *(ref for ref in refs if ref not in memories)], found

    def _bounded(self) -> None:
        total = sum(len(hot.index) for hot in self._hot.values())
        while total > MOST and len(self._hot) > 1:
            _, oldest = self._hot.popitem(last=False)
            total -= len(oldest.index)

    async def close(self) -> None:
        """End what runs in the background."""
        running = self._filling | self._working_ahead
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def _chosen(hits: Sequence[Hit], question: Question) -> list[Hit]:
    """The best hits, OLDER of them not among what the history holds, HELD of them among that; never the message that asks."""
    found: list[Hit] = []
    room = {False: OLDER, True: HELD}
    for hit in hits:
        held = remembered.position(hit.id) in question.held
        if room[held] and hit.id != question.asked:
            room[held] -= 1
            found.append(hit)
    return found


def _embedder(vectors: str) -> embed.Embedder | None:
    try:
        return embed.load(name=embed.EMBEDDERS.get(vectors, model.NAME), threads=THREADS)
    except model.ModelUnavailable as error:
        _log.warning("memories are found by words alone", why=str(error))
        return None


def _fitting(engine: Engine, memories: Mapping[str, Memory], passages: int) -> list[str]:
    """References of the newest that have at most so many passages together, oldest first. The others wait: none is taken in part."""
    found = list[str]()
    for ref, memory in list(memories.items())[-passages:][::-1] if passages else ():
        if (many := len(engine.spoken(memory))) <= passages:
            found.append(ref)
            passages -= many
    return found[::-1]


def _spoken(engine: Engine, memories: Mapping[str, Memory]) -> tuple[list[str], list[str]]:
    """The newest that have at most BEHIND passages together, but one at least, and those passages, each once."""
    some = _fitting(engine, memories, BEHIND) or list(memories)[-1:]
    return some, list(dict.fromkeys(passage for ref in some for passage in engine.spoken(memories[ref])))


def _of(engine: Engine, embedded: Mapping[str, Embedded], memories: Mapping[str, Memory]) -> dict[str, list[Embedded]]:
    """Vectors of those all of whose passages are embedded."""
    spoken = {ref: engine.spoken(memory) for ref, memory in memories.items()}
    return {ref: [embedded[one] for one in many] for ref, many in spoken.items() if all(one in embedded for one in many)}


def _prepared(
    engine: Engine, memories: Mapping[str, Memory], known: Mapping[str, list[Embedded]], new: Collection[str]
) -> tuple[list[Prepared], dict[str, Prepared]]:
    """All of them ready for the index, and by reference those that have vectors since now."""
    bare = Engine(None, engine.config)
    found, made = list[Prepared](), dict[str, Prepared]()
    for ref, memory in memories.items():
        one = (engine if ref in known or ref in new else bare).prepare(memory, known.get(ref))
        found.append(one)
        if ref in new:
            made[ref] = one
    return found, made
