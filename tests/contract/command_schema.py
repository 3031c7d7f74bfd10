"""The slash commands as Discord is told of them, and their snapshot. Run to write it anew, when a change is meant:

python -m tests.contract.command_schema
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.discord.answers import Interaction
from bot.discord.client import Client
from bot.discord.context import Context
from bot.discord.features.commands import add_all
from bot.discord.features.resources.editor import Editor
from bot.discord.sync import payloads
from engine.config import Settings

SNAPSHOT = Path(__file__).with_name("discord_commands.json")
COMMAND = "python -m tests.contract.command_schema"


class NobodyHome:
    """Stands for log and read models where only the shape of the commands is looked at."""


@asynccontextmanager
async def commands() -> AsyncIterator[Client]:
    """A client with every command and modal of the bot, connected to nothing."""

    async def up(_: Client) -> None: ...

    async def press(_: Interaction) -> None: ...

    made = Client({}, up, press)
    context = Context(NobodyHome(), NobodyHome(), Settings(_env_file=None))  # type: ignore[arg-type]  # nobody is asked
    add_all(made, context, Editor(context))
    yield made
    await made.close()


async def write() -> None:
    """Make the snapshot what the handlers' signatures say today."""
    async with commands() as client:
        SNAPSHOT.write_text(json.dumps(payloads(client), indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(write())
    print(SNAPSHOT)
