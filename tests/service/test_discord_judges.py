"""Clients that others wrote find Discord in the stand-in: each says what it saw, check by check.

`.ci/judges` makes their environment, which is no part of ours: see `tests.support.judges`.
"""

import asyncio
import json
import os

import pytest

from tests.support.discord.remote import standin_process
from tests.support.judges import FOLDER, ROOT, absent, from_npm

SCRIPTS = ROOT / "tests" / "judges"
LONGEST_S = 90.0
JUDGES = {"discord.js": ("judge.mjs", 24), "discord.py": ("judge_discord_py.py", 13), "hikari": ("judge_hikari.py", 13)}


def interpreter(judge: str) -> str:
    """What runs this judge's script. Skips the test with the reason where it is not here."""
    if judge == "discord.js":
        return from_npm(FOLDER, judge)
    if not list(FOLDER.glob(f"venv/lib/python*/site-packages/{judge.removesuffix('.py')}")):
        absent(judge)
    return str(FOLDER / "venv" / "bin" / "python")


@pytest.mark.parametrize("judge", JUDGES)
async def test_a_client_that_others_wrote_agrees_with_the_stand_in(judge: str) -> None:
    """Connect, receive, send, edit, react, commands, forms, components, webhooks, threads, refusals, resume."""
    runs = interpreter(judge)
    async with standin_process() as discord:
        env = {"PATH": os.environ["PATH"], "HOME": str(FOLDER), "BASE": discord.base, "TOKEN": discord.token, "MODULES": str(FOLDER)}
        script = str(SCRIPTS / JUDGES[judge][0])
        process = await asyncio.create_subprocess_exec(runs, script, env=env, stdout=asyncio.subprocess.PIPE)
        out, _ = await asyncio.wait_for(process.communicate(), LONGEST_S)
    told = [json.loads(line) for line in out.decode().splitlines() if line.startswith("{")]
    assert [one for one in told if not one["ok"]] == []
    assert len(told) == JUDGES[judge][1]
