"""Vectors that were made before, kept sealed in Postgres: asked for and put by recall and by the job that makes a generation of them."""

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from engine.sealing import DataKey
from engine.store import Log
from projections.models.memories import memory_embeddings
from projections.models.memories.memory_embeddings import Embedding
from projections.prompt.sections.remembered import Content
from worker.memory import storage
from worker.memory.embed import Embedded
from worker.memory.engine import Engine
from worker.memory.index import Memory, Prepared

MOST_AT_ONCE = 20_000
"""Characters that are cut and digested on the event loop."""


def memory_of(content: Content) -> Memory:
    """What is indexed. A note stands by itself; what was said stands among what was said around it."""
    thread = str(content.channel) if content.kind in ("said", "reply") else content.ref
    return Memory(content.ref, content.text, content.at, content.speaker, thread)


async def load(
    log: Log, engine: Engine, memories: Mapping[str, Memory], contents: Sequence[Content], keys: Mapping[str, DataKey]
) -> dict[str, list[Embedded]]:
    """The vectors of memories all of whose passages are kept, by reference."""
    if engine.embedder is None or not memories:
        return {}
    named, subjects = engine.embedder.name, {one.ref: one.subject for one in contents}

    def digested() -> dict[str, list[str]]:
        return {
            ref: [memory_embeddings.digest(keys[subjects[ref]], named, text) for text in engine.spoken(memory)]
            for ref, memory in memories.items()
        }

    # Beside the event loop: to cut the longest texts takes a millisecond each, and there may be hundreds.
    digests = await asyncio.to_thread(digested) if sum(len(one.text) for one in memories.values()) > MOST_AT_ONCE else digested()
    wanted = {digest: subjects[ref] for ref, many in digests.items() for digest in many}
    async with log.pool.connection() as connection:
        found = await memory_embeddings.load(connection, named, wanted, keys)
    return {ref: [_unpacked(found[one]) for one in many] for ref, many in digests.items() if all(one in found for one in many)}


async def put(log: Log, engine: Engine, made: Mapping[str, Prepared], contents: Sequence[Content], keys: Mapping[str, DataKey]) -> None:
    """Keep what was made, by reference, under each text's key."""
    if not made or engine.embedder is None:
        return
    named = engine.embedder.name
    rows = await asyncio.to_thread(_rows, engine, named, made, contents, keys)
    async with log.pool.connection() as connection:
        await memory_embeddings.put(connection, named, rows, keys)


def _rows(
    engine: Engine, named: str, made: Mapping[str, Prepared], contents: Sequence[Content], keys: Mapping[str, DataKey]
) -> list[Embedding]:
    rows = list[Embedding]()
    for one in contents:
        if one.ref in made:
            texts = engine.spoken(memory_of(one))
            vectors = [row.embedded for row in made[one.ref].rows]
            for text, vector in zip(texts, vectors, strict=True):
                if vector is not None:
                    digest = memory_embeddings.digest(keys[one.subject], named, text)
                    rows.append(Embedding(one.subject, digest, one.position, _packed(vector)))
    return rows


def _packed(embedded: Embedded) -> bytes:
    return msgspec.msgpack.encode(storage.pack(embedded))


def _unpacked(packed: bytes) -> Embedded:
    return storage.unpack(*msgspec.msgpack.decode(packed, type=tuple[bytes, bytes, bytes, bytes]))
