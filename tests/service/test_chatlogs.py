"""Conversations of other programs at the command line: in as events with their times and variants, out equal (G7)."""

import asyncio
import json
from pathlib import Path
from typing import Any

import typer
from typer.testing import CliRunner

from bot.cli import chatlogs
from engine.store import Log, Query
from engine.store.progress import wait_for
from tests.service.test_cli_editing import here as here
from tests.service.test_cli_editing import run_json
from tests.support import chatlogs as made
from tests.support.site import Site

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
    await wait_for(log.pool, ("history",), await _last(log), seconds=10.0)
    await chat("export", str(channel), "--out", str(out))
    said = [json.loads(line) for line in out.read_bytes().splitlines()][1:]
    wanted = [row for row in made.tavern()[1:] if not row["is_system"]]
    called = {"Wren": "Wren Halloway"}
    assert [(row["name"], row["mes"]) for row in said] == [(called.get(row["name"], row["name"]), row["mes"]) for row in wanted]
    assert (said[2]["swipes"], said[2]["swipe_id"]) == (["one", "two", "three"], 1)
    assert [info["send_date"][11:16] for info in said[2]["swipe_info"]] == ["16:06", "16:07", "16:08"]
    again = json.loads(await chat("import", str(file), "--character", "wren", "--json"))
    assert again[0]["repeated"] == 5
    assert len(await here.events(TYPES)) == len(everything)
    assert "**Ada**" in await chat("export", str(channel), "--format", "md")
    assert "<article" in await chat("export", str(channel), "--format", "html")
