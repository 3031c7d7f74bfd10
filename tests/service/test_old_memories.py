"""`tzurot memory import` brings old memories in once; what was forgotten since stays forgotten (D3, G6)."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from bot.cli import memories
from engine import access, config, log, seed
from engine.config import Settings

PLACE = {"discord_channel_id": "123456789012345678"}
SHAPES = [{"senders": ["s1"], "result": f"Ada told of boat {number}.", "metadata": PLACE} for number in range(3)]


async def told(*words: str) -> Any:
    app = typer.Typer()
    memories.register(app)
    app.callback()(lambda: None)
    ran = await asyncio.to_thread(CliRunner().invoke, app, ["memory", *words, "--json"], catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    return json.loads(ran.stdout)


async def test_importing_twice_adds_nothing(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of a sender that is named; one of no known place is left out unless it is wished; a preview changes nothing."""
    monkeypatch.setattr(config, "settings", lambda: settings)
    log.configure("tzurot", "warning")
    async with access.log(settings) as opened:
        await seed.plant(opened, "a/b")
    file = tmp_path / "x_memories.json"
    file.write_text(json.dumps([*SHAPES, {"senders": ["s1"], "result": "Of no place."}, {"senders": ["s2"], "result": "Of a stranger."}]))
    ask = ("import", str(file), "--character", "wren", "--sender", "s1=41")
    left_out = {"an unknown sender": 1, "no place is known": 1}
    assert await told(*ask, "--preview") == {"found": 3, "made": 0, "left_out": left_out}
    assert await told("list") == []
    assert await told(*ask) == {"found": 3, "made": 3, "left_out": left_out}
    listed = await told("list", "--person", "41")
    assert {note["text"] for note in listed} == {f"Ada told of boat {number}." for number in range(3)}
    await told("forget", listed[0]["name"], "--yes")
    assert (await told(*ask, "--anywhere"))["made"] == 1
    assert len(await told("list")) == 3
