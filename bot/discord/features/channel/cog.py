"""`/channel`: who answers everything said here."""

import nextcord
from nextcord import SlashOption

from bot.discord.answers import Interaction, answer
from bot.discord.desk import Desk
from bot.discord.features.character.cog import choices
from engine.decide.channel import Where


class ChannelCog(nextcord.ClientCog):
    """The commands."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    @nextcord.slash_command(name="channel", description="Who answers in this channel")  # type: ignore[untyped-decorator]
    async def channel(self, interaction: Interaction) -> None:
        """Only its sub-commands can be called."""

    @channel.subcommand(name="activate", description="A character answers everything said here")  # type: ignore[untyped-decorator]
    async def activate(
        self, interaction: Interaction, character: str = SlashOption(description="Name or short name", autocomplete=True)
    ) -> None:
        user, key, where = _ids(interaction)
        permissions = permissions_of(interaction)

        async def work() -> str:
            found = await self.desk.activate(user, key, where, character, permissions)
            return f"**{found.name}** answers everything said here now. `/channel deactivate` ends it."

        await answer(interaction, work, hidden=False)

    @channel.subcommand(name="deactivate", description="Stop one character, or all, from answering here")  # type: ignore[untyped-decorator]
    async def deactivate(
        self,
        interaction: Interaction,
        character: str = SlashOption(description="Name or short name; empty for all", required=False, default="", autocomplete=True),
    ) -> None:
        user, key, where = _ids(interaction)
        permissions = permissions_of(interaction)

        async def work() -> str:
            count = await self.desk.deactivate(user, key, where, character, permissions)
            return f"{count} character{'s' if count > 1 else ''} deactivated here."

        await answer(interaction, work, hidden=False)

    @channel.subcommand(name="reset", description="Let characters forget what was said here so far")  # type: ignore[untyped-decorator]
    async def reset(self, interaction: Interaction) -> None:
        user, key, where = _ids(interaction)
        permissions = permissions_of(interaction)

        async def work() -> str:
            await self.desk.reset(user, key, where, permissions)
            return "From here on characters see nothing of what was said here before. The messages themselves stay."

        await answer(interaction, work, hidden=False)

    @activate.on_autocomplete("character")  # type: ignore[untyped-decorator]
    async def choose(self, interaction: Interaction, character: str) -> None:
        user, _, _ = _ids(interaction)
        await interaction.response.send_autocomplete(choices(await self.desk.roster.usable_by(user), character))

    @deactivate.on_autocomplete("character")  # type: ignore[untyped-decorator]
    async def choose_active(self, interaction: Interaction, character: str) -> None:
        user, _, where = _ids(interaction)
        active = set(await self.desk.active(where))
        here = [c for c in await self.desk.roster.usable_by(user) if c.id in active]
        await interaction.response.send_autocomplete(choices(here, character))


def permissions_of(interaction: Interaction) -> frozenset[str]:
    """Discord's names of what the person may do in this channel."""
    return frozenset(name for name, held in interaction.permissions if held)


def _ids(interaction: Interaction) -> tuple[int, int, Where]:
    """(user, key that makes a repeat a no-op, channel)."""
    user = interaction.user.id if interaction.user else 0
    return user, interaction.id, Where(interaction.channel_id or 0, interaction.guild_id, "discord")
