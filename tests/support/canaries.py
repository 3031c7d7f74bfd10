"""Marked words: every simulated person and every secret carries one, and wherever it turns up afterwards, it can be told whose it is.

A person's word may be read by whoever shares a channel with them, and by nobody else (I7). Nobody's word, and no secret, may stand
readable in a log line, a table, or a file of Postgres or NATS; pages show people's words to the operator, but never a secret (I8).
"""

import mmap
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import batched
from pathlib import Path

import httpx
import psycopg
from psycopg import sql
from pydantic import SecretStr

from bot.console.app import build
from bot.console.state import Console
from engine.config import Settings
from engine.store import open_log
from engine.vault import MasterKey

_WORD = re.compile(r"canary-[0-9a-f]{16}")
AT_ONCE = 100
"""Needles in one pattern: Postgres needs a gigabyte for one of some thousands."""
_MARK = b"canary-"
_KEPT_BY_DESIGN = (".password", "master.key")
"""Files whose content is a secret."""
PAGES = ("/", "/characters", "/timeline", "/turns", "/jobs", "/usage", "/health", "/healthz", "/readyz", "/metrics")


def fresh() -> str:
    """A word that exists nowhere else."""
    return f"canary-{secrets.token_hex(8)}"


def words_in(text: str) -> frozenset[str]:
    """All marked words of a text."""
    return frozenset(_WORD.findall(text))


@dataclass(frozen=True, slots=True)
class Whose:
    """A person in a channel: said there, a word may be repeated there, and wherever this person speaks."""

    person: str
    channel: str


@dataclass(frozen=True, slots=True)
class Shown:
    """What was shown on somebody's behalf: a prompt or a reply, and the marked words in it. `own` must be among them, if given."""

    what: str
    to: Whose
    words: frozenset[str]
    own: str | None = None


@dataclass(slots=True)
class Flock:
    """The marked words of one run."""

    whose: dict[str, Whose] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)

    def of(self, person: str, channel: str) -> str:
        """This person's word in this channel."""
        key = Whose(person, channel)
        found = next((word for word, owner in self.whose.items() if owner == key), None)
        if found is None:
            found = fresh()
            self.whose[found] = key
        return found


def isolated(whose: Mapping[str, Whose], shown: Iterable[Shown]) -> list[str]:
    """I7: no word of one person in what another person, elsewhere, is shown or has shown to a model. Pure."""
    found = []
    for one in shown:
        strangers = {whose[word].person for word in one.words if word in whose and not _may_read(one.to, whose[word])}
        found += [f"{one.what} for {one.to.person} holds words of {stranger}" for stranger in sorted(strangers)]
        if one.own is not None and one.own not in one.words:
            found.append(f"{one.what} for {one.to.person} lacks what this person said, so that nothing can be told from it")
    return found


def _may_read(reader: Whose, owner: Whose) -> bool:
    return reader.channel == owner.channel or reader.person == owner.person


def in_files(needles: Mapping[str, bytes], folder: Path) -> list[str]:
    """Files that hold a needle: logs, the database's own files with its write-ahead log, the broker's store."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.name.endswith(_KEPT_BY_DESIGN) or path.is_symlink() or not path.is_file():
            continue
        with suppress(OSError):  # a server's temporary file, gone meanwhile
            found += [f"{name} stands in {path.relative_to(folder)}" for name in _held(path, needles)]
    return found


def _held(path: Path, needles: Mapping[str, bytes]) -> list[str]:
    if not path.stat().st_size:
        return []
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        marked = content.find(_MARK) >= 0  # one look instead of one for each marked word
        return [name for name, needle in needles.items() if (marked or _MARK not in needle) and content.find(needle) >= 0]


async def in_tables(needles: Mapping[str, bytes], dsn: str) -> list[str]:
    """Tables with a row that holds a needle, as text or as bytes: what Postgres keeps compressed, no search of its files can see."""
    marked = [needle for needle in needles.values() if _MARK in needle]
    others = [needle for needle in needles.values() if _MARK not in needle]
    found = []
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        statement = "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        for schema, table in await (await connection.execute(statement)).fetchall():
            query = sql.SQL("SELECT count(*) FROM {} AS t WHERE t::text ~ %s").format(sql.Identifier(schema, table))

            async def rows(some: Sequence[bytes], query: sql.Composed = query) -> int:
                row = await (await connection.execute(query, (_pattern(some),))).fetchone()
                return int(row[0]) if row else 0

            held = await rows(others) if others else 0
            if marked and await rows([_MARK]):  # one look instead of one for each marked word, thousands of which no pattern can hold
                held += sum([await rows(some) for some in batched(marked, AT_ONCE)])
            if held:
                found.append(f"a canary stands in {held} rows of {schema}.{table}")
    return found


def _pattern(needles: Sequence[bytes]) -> str:
    return "|".join(f"{re.escape(needle.decode('latin-1'))}|{needle.hex()}" for needle in needles)


async def in_pages(needles: Mapping[str, bytes], dsn: str, master_key: str) -> list[str]:
    """Pages of the console that show a needle, looked at as the operator sees them; also a page that is not there or is broken."""
    settings = Settings(_env_file=None, database_url=dsn, master_key=SecretStr(master_key))
    async with open_log(dsn, MasterKey.of(bytes.fromhex(master_key))) as log:
        app = build(Console(settings, log, None))
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as visitor:
            pages = {path: await visitor.get(path) for path in PAGES}
    found = [f"{path} answers {page.status_code}" for path, page in pages.items() if page.status_code != 200]
    for path, page in pages.items():
        found += [f"{name} stands on {path}" for name, needle in needles.items() if needle in page.content]
    return found
