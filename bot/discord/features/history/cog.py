"""`/history`: let characters forget what was said, and take that back; count it; forget it for good (A10)."""

from uuid import UUID

import nextcord
from nextcord import SlashOption

from bot import chatlogs
from bot.discord.answers import Interaction, Told, answer
from bot.discord.context import Context, key_of
from bot.discord.features.channel.cog import where_of
from bot.discord.features.resources import known
from bot.discord.features.undo.press import changed, shown
from bot.history import CONFIRM, sentence
from engine.decide import channel
from engine.decide.rejected import Rejected
from engine.execute import execute
from engine.resources.kinds import CHARACTER
from projections.models import history

WHOSE = "Name or short name; empty for all"


class HistoryCog(nextcord.ClientCog):
    """The commands."""

    def __init__(self, context: Context) -> None:
        self.context = context

    @nextcord.slash_command(name="history", description="What characters know of what was said here")  # type: ignore[untyped-decorator]
    async def group(self, interaction: Interaction) -> None:
        """Only its sub-commands can be called."""

    @group.subcommand(name="clear", description="From here on characters see nothing of what was said before")  # type: ignore[untyped-decorator]
    async def clear(
        self, interaction: Interaction, character: str = SlashOption(description=WHOSE, required=False, default="", autocomplete=True)
    ) -> None:
        async def work() -> Told:
            await self._do(interaction, channel.ResetContext(where_of(interaction), await self._whose(interaction, character)))
            return changed(interaction, "Characters see nothing of what was said here before. `/history undo` brings it back.")

        await answer(interaction, work, hidden=False)

    @group.subcommand(name="undo", description="Bring back what the last clearing hid")  # type: ignore[untyped-decorator]
    async def undo(
        self, interaction: Interaction, character: str = SlashOption(description=WHOSE, required=False, default="", autocomplete=True)
    ) -> None:
        async def work() -> Told:
            await self._do(interaction, channel.RestoreContext(where_of(interaction), await self._whose(interaction, character)))
            return changed(interaction, "What the last clearing hid is there again.")

        await answer(interaction, work, hidden=False)

    @group.subcommand(name="stats", description="How much was said here, and how much of it characters see")  # type: ignore[untyped-decorator]
    async def stats(self, interaction: Interaction) -> None:
        async def work() -> str:
            async with self.context.log.pool.connection() as connection:
                return sentence(await history.stats(connection, where_of(interaction).channel_id))

        await answer(interaction, work)

    @group.subcommand(name="purge", description="Let characters forget for good all that was said here")  # type: ignore[untyped-decorator]
    async def purge(self, interaction: Interaction, confirm: str = SlashOption(description=f"Type {CONFIRM} to confirm")) -> None:
        async def work() -> str:
            if confirm.strip().casefold() != CONFIRM:
                raise Rejected(f"Nothing was forgotten. Type `{CONFIRM}` to confirm; it cannot be taken back. `/history clear` can.")
            await self._do(interaction, channel.Purge(where_of(interaction)))
            return "No character will see again what was said here before. The messages in the channel stay."

        await answer(interaction, work, hidden=False)

    @group.subcommand(name="import", description="Bring in your talk with a character from SillyTavern, Chub, Risu, Agnai and others")  # type: ignore[untyped-decorator]
    async def import_(
        self, interaction: Interaction, file: nextcord.Attachment, character: str = SlashOption(description="With whom", autocomplete=True)
    ) -> None:
        actor = self.context.actor(interaction)

        async def work() -> str:
            if file.size > chatlogs.MOST_BYTES:
                raise Rejected(f"The file is larger than {chatlogs.MOST_BYTES // 2**20} MB.")
            host = await known.find(self.context, CHARACTER, actor, character)
            job, words = await chatlogs.ask(self.context.log, actor, await file.read(), host)
            return (
                f"{words} It comes in as your private talk with {host.name}, with its own times (job `{str(job)[:8]}`). Twice adds nothing."
            )

        await answer(interaction, work)

    @import_.on_autocomplete("character")  # type: ignore[untyped-decorator]
    async def choose_host(self, interaction: Interaction, character: str) -> None:
        await self._suggest(interaction, character)

    @clear.on_autocomplete("character")  # type: ignore[untyped-decorator]
    async def choose(self, interaction: Interaction, character: str) -> None:
        await self._suggest(interaction, character)

    @undo.on_autocomplete("character")  # type: ignore[untyped-decorator]
    async def choose_again(self, interaction: Interaction, character: str) -> None:
        await self._suggest(interaction, character)

    async def _suggest(self, interaction: Interaction, character: str) -> None:
        there = await known.items(self.context, CHARACTER, self.context.actor(interaction))
        await interaction.response.send_autocomplete(known.suggestions(there, character, editable=False))

    async def _whose(self, interaction: Interaction, text: str) -> UUID | None:
        if not text.strip():
            return None
        return (await known.find(self.context, CHARACTER, self.context.actor(interaction), text)).id

    async def _do(self, interaction: Interaction, command: channel.ChannelCommand) -> None:
        await shown(self.context, await execute(self.context.log, self.context.actor(interaction), command, key_of(interaction.id)))
