"""A plain nextcord client for the stand-in's own tests: what another bot author would write, with nothing of Tzurot in it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import nextcord
from nextcord.asset import Asset
from nextcord.http import Route

from tests.support.discord.server import StandinDiscord

NEXTCORD_WARNING = "ignore:parameter 'timeout' of type 'float':DeprecationWarning"  # nextcord 3.2 with aiohttp 3.14
QUIET = nextcord.AllowedMentions.none()


class Visitor(nextcord.Client):
    """Collects messages; answers `/echo say <text>` and opens a modal for `/echo ask`."""

    def __init__(self, intents: nextcord.Intents) -> None:
        super().__init__(intents=intents, allowed_mentions=QUIET, guild_ready_timeout=0.1)
        self.seen: asyncio.Queue[nextcord.Message] = asyncio.Queue()
        add_echo(self)

    async def on_message(self, message: nextcord.Message) -> None:
        self.seen.put_nowait(message)

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """No pause of five seconds before a second IDENTIFY: the stand-in does not mind."""

    async def until(self, text: str) -> nextcord.Message:
        """The next message with this content; earlier ones are dropped."""
        while (message := await asyncio.wait_for(self.seen.get(), 10)).content != text:
            pass
        return message


class Ask(nextcord.ui.Modal):
    """A modal with one field."""

    def __init__(self) -> None:
        super().__init__("Ask", custom_id="ask")
        self.answer: nextcord.ui.TextInput[nextcord.ui.View] = nextcord.ui.TextInput(label="Answer", custom_id="answer")
        self.add_item(self.answer)

    async def callback(self, interaction: nextcord.Interaction[nextcord.Client]) -> None:
        await interaction.response.send_message(f"asked {self.answer.value}", ephemeral=True)


def add_echo(client: nextcord.Client) -> None:
    """Register the `/echo` commands."""

    @client.slash_command(name="echo", description="Echo")  # type: ignore[untyped-decorator]
    async def echo(interaction: nextcord.Interaction[nextcord.Client]) -> None: ...

    @echo.subcommand(name="say", description="Say it")  # type: ignore[untyped-decorator]
    async def say(interaction: nextcord.Interaction[nextcord.Client], text: str) -> None:
        await interaction.response.defer(ephemeral=True)
        await interaction.followup.send(f"echo {text}")

    @echo.subcommand(name="ask", description="Ask it")  # type: ignore[untyped-decorator]
    async def ask(interaction: nextcord.Interaction[nextcord.Client]) -> None:
        await interaction.response.send_modal(Ask())

    @say.on_autocomplete("text")  # type: ignore[untyped-decorator]
    async def choices(interaction: nextcord.Interaction[nextcord.Client], text: str) -> None:
        await interaction.response.send_autocomplete([f"{text}!"])


@asynccontextmanager
async def visitor(discord: StandinDiscord, *, content: bool = True) -> AsyncIterator[Visitor]:
    """A connected client; its commands are synced."""
    route_base, asset_base = Route.BASE, Asset.BASE
    Route.BASE, Asset.BASE = discord.api_base, f"{discord.base}/cdn"
    intents = nextcord.Intents.default()
    intents.message_content = content
    client = Visitor(intents)
    task = asyncio.create_task(client.start(discord.token))
    try:
        await discord.wait_connected()
        await discord.wait_for(lambda: discord.world.commands[None], what="synced commands")
        await client.wait_until_ready()
        yield client
    finally:
        await client.close()
        with suppress(asyncio.CancelledError):
            await task
        Route.BASE, Asset.BASE = route_base, asset_base
