"""What the ranking is compared with, computed in the same run on the same memories and vectors."""

from collections.abc import Sequence
from typing import Final

import psycopg

from engine import embedded
from tests.bench.memory.measure import DEEPEST, Outcome, outcome
from tests.bench.memory.shapes import Case
from worker.memory.config import Dates, Dense, Late, Lexical, RecallConfig, Signs
from worker.memory.embed import Embedder
from worker.memory.engine import Engine
from worker.memory.index import Index

_PLAIN: Final = RecallConfig(
    late=Late(weight=0, own=0),
    signs=Signs(speaker=0, question=0, first_person=0, names=0, number=0, when=0),
    dates=Dates(weight=0),
    lexical=Lexical(weight=1, k1=1.2, b=0.75, reach=None),
    dense=Dense(weight=1, centred=False, reach=None),
)

CONFIGS: Final = {
    "dense": _PLAIN.model_copy(update={"lexical": Lexical(weight=0)}),
    "bm25": _PLAIN.model_copy(update={"dense": Dense(weight=0)}),
    "rrf": _PLAIN.model_copy(update={"strategy": "rrf"}),
    "openmemory": _PLAIN.model_copy(update={"strategy": "openmemory"}),
}
"""dense: cosine; bm25: stemmed, k1 1.2, b 0.75; rrf: the two by reciprocal rank, k 60. All see the speaker's name in the text."""


def indexed(name: str, cases: Sequence[Case], indexes: Sequence[Index], embedder: Embedder | None) -> list[Outcome]:
    """One of CONFIGS over all questions."""
    engine = Engine(embedder, CONFIGS[name])
    found = []
    for case, index in zip(cases, indexes, strict=True):
        for question in case.questions:
            hits = engine.recall(index, question.query, k=DEEPEST).hits
            found.append(outcome([hit.id for hit in hits], question.evidence, question.category, question.apart))
    return found


_TABLE = "CREATE TEMP TABLE turns (place integer PRIMARY KEY, name text, words tsvector)"
_FILL = "INSERT INTO turns VALUES (%s, %s, to_tsvector('english', %s))"
_FIND = """
    SELECT name FROM turns, (SELECT replace(plainto_tsquery('english', %s)::text, '&', '|')::tsquery AS asked) AS question
    WHERE words @@ asked ORDER BY ts_rank(words, asked) DESC, place LIMIT %s
"""


async def postgres_text(cases: Sequence[Case]) -> list[Outcome]:
    """Postgres full text: any of the question's words (OR), ordered by ts_rank."""
    found = []
    async with embedded.temporary_postgres(durable=False) as server, await psycopg.AsyncConnection.connect(server.admin_dsn) as connection:
        for case in cases:
            await connection.execute("DROP TABLE IF EXISTS turns")
            await connection.execute(_TABLE)
            rows = [(i, memory.id, f"{memory.speaker}: {memory.text}".replace("\0", " ")) for i, memory in enumerate(case.memories)]
            await connection.cursor().executemany(_FILL, rows)
            for question in case.questions:
                cursor = await connection.execute(_FIND, (question.query.text.replace("\0", " "), DEEPEST))
                ids = [str(row[0]) for row in await cursor.fetchall()]
                found.append(outcome(ids, question.evidence, question.category, question.apart))
    return found
