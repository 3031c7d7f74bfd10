"""Conversations of other programs at the command line: in as events with their times and variants, out equal (G7)."""

import asyncio
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from bot import chatlogs as faces
from bot.cli import chatlogs
from engine import seed
from engine.actor import person
from engine.chatlogs.reading import read_chats
from engine.config import Settings
from engine.sealing import DataKey
from engine.store import Log, NewEvent, Query, codec
from engine.store.progress import wait_for
from engine.store.rows import Packed
from projections.archive import chats, uploads
from projections.models import jobs
from tests.service.test_cli_editing import here as here
from tests.service.test_cli_editing import run_json
from tests.support import chatlogs as made
from tests.support.provider.room import local_standin, with_provider
from tests.support.site import Site
from worker.__main__ import working


class Cut(Exception):
    """The process ends here."""


WREN = next(one.character_id for one in seed.samples() if one.slug == "wren")
MARK = re.compile(r"mark \d+\.")
TYPES = ["message.received", "turn.requested", "turn.completed", "turn.failed", "reply.edited", "reply.version_chosen"]


async def _last(log: Log) -> int:
    return max([recorded.position async for recorded in log.read(Query())])


async def chat(*words: str) -> str:
    app = typer.Typer()
    chatlogs.register(app)
    ran = await asyncio.to_thread(CliRunner().invoke, app, ["chat", *words], catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    return ran.stdout


async def test_a_conversation_goes_in_once_and_comes_out_equal(here: Site, tmp_path: Path) -> None:
    """Greeting, swipes, a second speaker; twice adds nothing; a bad line is told; nobody answers what was said then."""
    await run_json("character", "create", "--name=Rook", "--info=A bird.", "--json")
    file, out = tmp_path / "log.jsonl", tmp_path / "out.jsonl"
    file.write_bytes(made.jsonl(made.tavern()) + b"{broken\n")
    first: list[dict[str, Any]] = json.loads(await chat("import", str(file), "--character", "wren", "--json"))
    assert (first[0]["lines"], first[0]["silent"], first[0]["repeated"], len(first[0]["bad"])) == (5, 1, 0, 1)
    log, channel = here.console.log, first[0]["channel"]
    everything = await here.events(TYPES)
    await wait_for(log.pool, ("history",), await _last(log), seconds=60.0)
    await chat("export", str(channel), "--out", str(out))
    said = [json.loads(line) for line in out.read_bytes().splitlines()][1:]
    wanted = made.tavern()[1:]
    assert [(row["name"], row["mes"], row["is_system"]) for row in said] == [(row["name"], row["mes"], row["is_system"]) for row in wanted]
    assert (said[2]["swipes"], said[2]["swipe_id"]) == (["one", "two", "three"], 1)
    assert [info["send_date"][11:16] for info in said[2]["swipe_info"]] == ["16:06", "16:07", "16:08"]
    again = json.loads(await chat("import", str(file), "--character", "wren", "--json"))
    assert again[0]["repeated"] == 5
    assert len(await here.events(TYPES)) == len(everything)
    assert "**Ada**" in await chat("export", str(channel), "--format", "md")
    assert "<article" in await chat("export", str(channel), "--format", "html")
    for confirm, taken_back in ((), 0), (("--confirm", "undo"), 1):
        held = json.loads(await chat("import-undo", "--character", "wren", *confirm, "--json"))
        assert held == {"taken_back": taken_back, "channels": [channel]}
    await chat("import", str(file), "--character", "wren")
    assert len(await here.events(["chat.readmitted"])) == 1


async def test_everything_a_log_says_comes_out_again(here: Site) -> None:
    """A word of its own in each field of each form: import, export, import, export; nothing of it is gone, also where nobody said it."""
    log = here.console.log
    for form, raw in made.marked().items():
        marks, files = set(MARK.findall(raw.decode())), [raw]
        assert len(marks) > 4
        for person_id in (5, 6):
            [chat] = read_chats(files[-1])
            first = await chats.take(log, person(person_id), chat, WREN)
            again = await chats.take(log, person(person_id), chat, WREN)
            assert (again.repeated, again.lines) == (first.lines, first.lines)
            await wait_for(log.pool, ("history",), await _last(log), seconds=60.0)
            files.append(faces.written(await faces.give(log, person(person_id), first.channel), "jsonl"))
            assert sorted(marks - set(MARK.findall(files[-1].decode()))) == [], form
        assert files[1] == files[2] or form == "KoboldLite"


async def test_an_import_that_is_cut_off_goes_on_and_doubles_nothing(here: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it ends: the rest comes, from the line it had reached, from the beginning, or with other lines in one append."""
    log = here.console.log
    character = WREN
    rows = [made.line("Ada" if n % 2 else "Wren", f"line {n}", user=bool(n % 2), at=1714752309000 + n * 1000) for n in range(20)]
    [chat] = read_chats(made.jsonl([made.HEAD, *rows]))

    async def dies(done: int, _: int, __: int) -> None:
        if done >= 8:
            raise Cut

    monkeypatch.setattr(chats, "AT_ONCE", 4)
    monkeypatch.setattr(chats, "TOGETHER", 3)
    with pytest.raises(Cut):
        await chats.take(log, person(5), chat, character, told=dies)
    monkeypatch.setattr(chats, "TOGETHER", 5)
    monkeypatch.setattr(chats, "AT_ONCE", 20)
    for start, repeated in ((8, 0), (5, 15), (0, 20)):
        done = await chats.take(log, person(5), chat, character, start=start)
        assert (done.lines, done.silent, done.repeated) == (20, 0, repeated)
        said = await here.events(["message.received", "turn.completed"])
        assert sorted(str(getattr(event, "text", "")) for event in said) == sorted(f"line {n}" for n in range(20))


async def test_one_append_at_most_is_sealed_while_others_wait(here: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever shares the loop has a turn after each append, however many lines are stored together."""
    rows = [made.line("Ada" if n % 2 else "Wren", f"line {n}", user=bool(n % 2), at=1714752309000 + n * 1000) for n in range(24)]
    [chat] = read_chats(made.jsonl([made.HEAD, *rows]))
    pack, turn, sealed = codec.pack, 0, Counter[int]()

    def counted(new: NewEvent, key: DataKey | None) -> Packed:
        sealed[turn] += new.event.TYPE in ("message.received", "turn.completed")  # one for each line
        return pack(new, key)

    async def turning() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    monkeypatch.setattr(codec, "pack", counted)
    monkeypatch.setattr(chats, "AT_ONCE", 24)
    monkeypatch.setattr(chats, "TOGETHER", 3)
    beside = asyncio.create_task(turning())
    done = await chats.take(here.console.log, person(5), chat, WREN)
    beside.cancel()
    assert (done.lines, sealed.total(), max(sealed.values())) == (24, 24, 3)


async def test_a_file_is_imported_by_a_job_once(here: Site, settings: Settings) -> None:
    """Progress, result and bad lines are the job's; the kept file goes; the same file again is the same job."""
    log, character = here.console.log, WREN
    raw = made.jsonl(made.tavern()) + b"{broken\n"
    async with local_standin() as url, working(with_provider(settings, url)):
        job = await uploads.ask(log, person(5), chats.IMPORT, raw, character)
        assert await uploads.ask(log, person(5), chats.IMPORT, raw, character) == job
        found = None
        while found is None or not found.over:
            async with log.pool.connection() as connection:
                found = await jobs.get(connection, job)
            await asyncio.sleep(0.05)
    assert (found.status, found.why) == ("completed", None)
    assert found.result is not None
    assert (found.result["lines"], found.result["silent"], found.result["bad"]) == (5, 1, 1)
    assert await uploads.ask(log, person(5), chats.IMPORT, raw, character) == job
    async with log.pool.connection() as connection:
        row = await (await connection.execute("SELECT count(*) FROM blobs WHERE subject = 'user:5'")).fetchone()
    assert row == (0,)
