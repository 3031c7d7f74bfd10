"""The index as a file, and embeddings as bytes. A file holds the same memories, so after loading every ranking is the same bit for bit.

The file names words of messages: it belongs in the data folder, readable by the owner alone, and is written anew when something is
forgotten. Nothing needs it: the vectors' durable home is Postgres (projections.models.memories.memory_embeddings), the words' is the log.
"""

from collections import Counter
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from engine.decide.remembering.sectors import Sector
from engine.errors import TzurotError
from worker.memory.embed import TOKEN_DIMS, Embedded
from worker.memory.files import write_atomically
from worker.memory.index import Index, Prepared, Row, fill
from worker.memory.times import TimeRange
from worker.memory.traits import Traits

FORMAT: Final = 2


class IndexUnreadable(TzurotError):
    """The saved index cannot be used; build it again from the memories."""


class _Vectors(msgspec.Struct, array_like=True):
    vector: bytes
    token_ids: bytes
    tokens: bytes
    scales: bytes


class _Row(msgspec.Struct, array_like=True):
    terms: dict[str, int]
    traits: tuple[int, int, int, int, int]
    spans: list[tuple[float, float]]
    entities: list[str]
    vectors: _Vectors | None


class _Memory(msgspec.Struct, array_like=True):
    id: str
    at: float
    speaker: str
    thread: str
    sector: Sector
    rows: list[_Row]


class _File(msgspec.Struct):
    format: int
    model: str
    memories: list[_Memory]


def pack(embedded: Embedded) -> tuple[bytes, bytes, bytes, bytes]:
    """(vector, token ids, tokens, scales), little-endian."""
    found = (embedded.vector.astype("<f4"), embedded.token_ids.astype("<i4"), embedded.tokens, embedded.scales.astype("<f4"))
    vector, ids, tokens, scales = (part.tobytes() for part in found)
    return vector, ids, tokens, scales


def unpack(vector: bytes, token_ids: bytes, tokens: bytes, scales: bytes) -> Embedded:
    """What `pack` was given. Raises ValueError when lengths do not fit."""
    return Embedded(
        np.frombuffer(vector, "<f4").astype(np.float32),
        np.frombuffer(token_ids, "<i4").astype(np.int32),
        np.frombuffer(tokens, np.int8).reshape(-1, TOKEN_DIMS),
        np.frombuffer(scales, "<f4").astype(np.float32),
    )


def _out(prepared: Prepared) -> _Memory:
    return _Memory(prepared.id, prepared.at, prepared.speaker, prepared.thread, prepared.sector, [_out_row(row) for row in prepared.rows])


def _out_row(row: Row) -> _Row:
    asks, first_person, names, number, when = row.traits
    return _Row(
        terms=dict(row.terms),
        traits=(asks, first_person, names, number, when),
        spans=[(span.start, span.end) for span in row.spans],
        entities=list(row.entities),
        vectors=_Vectors(*pack(row.embedded)) if row.embedded else None,
    )


def _in(memory: _Memory) -> Prepared:
    rows = tuple(
        Row(
            terms=Counter(row.terms),
            traits=Traits(*row.traits),
            spans=tuple(TimeRange(*span) for span in row.spans),
            entities=tuple(row.entities),
            embedded=unpack(row.vectors.vector, row.vectors.token_ids, row.vectors.tokens, row.vectors.scales) if row.vectors else None,
        )
        for row in memory.rows
    )
    return Prepared(memory.id, memory.at, memory.speaker, memory.thread, memory.sector, rows)


def save(index: Index, path: Path, model: str = "") -> None:
    """Write all of it or nothing. `model`: name of the embedder, checked when loading."""
    file = _File(FORMAT, model, [_out(prepared) for prepared in index.prepared()])
    write_atomically(path, msgspec.msgpack.encode(file))


def load(path: Path, model: str = "") -> Index:
    """The index that was saved. Raises IndexUnreadable if it is missing, damaged, of another format or another model."""
    try:
        file = msgspec.msgpack.decode(path.read_bytes(), type=_File)
        if (file.format, file.model) != (FORMAT, model):
            raise IndexUnreadable(f"the saved index {path.name} was made by another version or embedding model: build it again")
        return fill(Index(), [_in(memory) for memory in file.memories])
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise IndexUnreadable(f"the saved index {path.name} cannot be read ({type(error).__name__}): build it again") from None
