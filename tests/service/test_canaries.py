"""The oracle's search for what must not be readable (I8) finds it in a real database and on real pages."""

import psycopg

from engine.config import Settings
from projections.follow import runner
from projections.registry import ALL
from tests.support.canaries import fresh, in_pages, in_tables


async def test_a_word_is_found_in_tables_as_text_as_bytes_and_compressed(settings: Settings) -> None:
    """Long values are compressed by Postgres: a search through its files would miss them, the tables' own does not."""
    assert settings.database_url is not None
    words = [fresh() for _ in range(3)]
    needles = {word: word.encode() for word in words}
    assert await in_tables(needles, settings.database_url) == []
    async with await psycopg.AsyncConnection.connect(settings.database_url, autocommit=True) as connection:
        await connection.execute("CREATE TABLE diary (line text, raw bytea)")
        for line, raw in ((words[0], b""), ("", words[1].encode()), ("so it goes " * 5_000 + words[2], b"")):
            await connection.execute("INSERT INTO diary VALUES (%s, %s)", (line, raw))
    assert await in_tables(needles, settings.database_url) == ["a canary stands in 3 rows of public.diary"]
    assert await in_tables({"another": fresh().encode()}, settings.database_url) == []


async def test_a_word_is_found_on_a_page(settings: Settings) -> None:
    """What the operator sees is looked through, page by page; no page may be broken."""
    assert settings.database_url is not None
    async with await psycopg.AsyncConnection.connect(settings.database_url, autocommit=True) as connection:
        for projection in ALL:
            await runner.install(connection, projection)
    assert await in_pages({"nothing": fresh().encode()}, settings.database_url, "00" * 32) == []
    assert "the title stands on /health" in await in_pages({"the title": b"<title>"}, settings.database_url, "00" * 32)
