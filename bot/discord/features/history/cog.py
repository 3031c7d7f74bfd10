"""`/history`: let characters forget what was said, and take that back; count it; forget it for good (A10)."""

import nextcord
from nextcord import SlashOption

from bot import chatlogs, imports
from bot.discord.answers import Choices, Interaction, Told
from bot.discord.attached import content
from bot.discord.context import key_of
from bot.discord.features.channel.cog import where_of
from bot.discord.features.declare import Cog, answering, command_group, suggesting
from bot.discord.features.undo.press import changed
from bot.history import CONFIRM, sentence
from engine.decide import channel
from engine.decide.rejected import Rejected
from projections.models import history

WHOSE = "Name or short name; empty for all"


class HistoryCog(Cog):
    """The commands."""

    @command_group("history", "What characters know of what was said here")
    async def group(self, interaction: Interaction) -> None:
        """Only its sub-commands can be called."""

    @answering("clear", "From here on characters see nothing of what was said before", under=group, hidden=False)
    async def clear(
        self, interaction: Interaction, character: str = SlashOption(description=WHOSE, required=False, default="", autocomplete=True)
    ) -> Told:
        await self.do(interaction, channel.ResetContext(where_of(interaction), await self.whose(interaction, character)))
        return changed(interaction, "Characters see nothing of what was said here before. `/history undo` brings it back.")

    @answering("undo", "Bring back what the last clearing hid", under=group, hidden=False)
    async def undo(
        self, interaction: Interaction, character: str = SlashOption(description=WHOSE, required=False, default="", autocomplete=True)
    ) -> Told:
        await self.do(interaction, channel.RestoreContext(where_of(interaction), await self.whose(interaction, character)))
        return changed(interaction, "What the last clearing hid is there again.")

    @answering("stats", "How much was said here, and how much of it characters see", under=group)
    async def stats(self, interaction: Interaction) -> str:
        async with self.context.log.pool.connection() as connection:
            return sentence(await history.stats(connection, where_of(interaction).channel_id))

    @answering("purge", "Let characters forget for good all that was said here", under=group, hidden=False)
    async def purge(self, interaction: Interaction, confirm: str = SlashOption(description=f"Type {CONFIRM} to confirm")) -> str:
        if confirm.strip().casefold() != CONFIRM:
            raise Rejected(f"Nothing was forgotten. Type `{CONFIRM}` to confirm; it cannot be taken back. `/history clear` can.")
        await self.do(interaction, channel.Purge(where_of(interaction)))
        return "No character will see again what was said here before. The messages in the channel stay."

    @answering("import", "Bring in your talk with a character from SillyTavern, Chub, Risu, Agnai and others", under=group)
    async def import_(
        self, interaction: Interaction, file: nextcord.Attachment, character: str = SlashOption(description="With whom", autocomplete=True)
    ) -> str:
        actor = self.context.actor(interaction)
        host = await self.find(interaction, character)
        job, words = await chatlogs.ask(self.context.log, actor, await content(file, chatlogs.MOST_BYTES), host)
        return f"{words} It comes in as your private talk with {host.name}, with its own times (job `{str(job)[:8]}`). Twice adds nothing."

    @answering("import-undo", "Take back what you imported of your talk with a character", under=group)
    async def import_undo(
        self,
        interaction: Interaction,
        character: str = SlashOption(description="With whom", autocomplete=True),
        confirm: str = SlashOption(description=f"Type {imports.CONFIRM} to do it; empty: only look", required=False, default=""),
    ) -> str:
        log, actor, host = self.context.log, self.context.actor(interaction), await self.find(interaction, character)
        held = imports.words(await imports.imported(log, actor, host.id), host.name)
        if confirm.strip().casefold() != imports.CONFIRM:
            return f"{held} Nothing was taken back yet: give `confirm` as `{imports.CONFIRM}` for that."
        many = await imports.take_back(log, actor, host.id, key_of(interaction.id))
        back = "`/undo`" if many == 1 else f"`/undo` with the number {many}"
        return f"Taken back: {held} {back} brings it in again, and so does the same file."

    @suggesting("character", import_, import_undo, clear, undo)
    async def suggest_character(self, interaction: Interaction, character: str) -> Choices:
        return await self.suggest(interaction, character)
