"""`/reactions`: show and set which emoji on a character's reply does what, in this server or for one character."""

from nextcord import SlashOption

from bot.discord.answers import Choices, Interaction, Told
from bot.discord.features.declare import UNCHANGED, Cog, answering, command_group, suggesting
from bot.discord.features.undo.press import changed
from bot.mapping import mapped
from engine.decide.reacting.mapping import MapReactions
from engine.decide.rejected import Rejected
from engine.resources.kinds import REACTIONS
from engine.resources.reacting.emoji import NOTHING
from engine.resources.typed import read

CHOICES = {spec.shown.label: spec.key for spec in REACTIONS.fields}


class ReactionsCog(Cog):
    """The commands."""

    @command_group("reactions", "Which emoji on a character's reply does what")
    async def group(self, interaction: Interaction) -> None:
        """Only its sub-commands can be called."""

    @answering("show", "Show which emoji does what here", under=group)
    async def show(
        self,
        interaction: Interaction,
        character: str = SlashOption(description="On whose replies; empty: anybody's", required=False, default="", autocomplete=True),
    ) -> str:
        found = await mapped(self.context.log, interaction.guild_id, await self.whose(interaction, character))
        more = "Who wrote the message or owns the character can react to a reply so:"
        return "\n".join([more, *(f"- {one.line}" for one in found)])

    @answering("set", "Say which emojis do something, in this server or for a character of yours", under=group)
    async def set_(
        self,
        interaction: Interaction,
        act: str = SlashOption(description="What is done", choices=CHOICES),
        emojis: str = SlashOption(description=f"With spaces between; {NOTHING}: none; empty: as elsewhere", required=False, default=""),
        character: str = SlashOption(description="Only on this character's replies", required=False, default="", autocomplete=True),
    ) -> Told:
        spec = REACTIONS.field(act)
        if spec is None:
            raise Rejected("There is no such act.")
        whose = await self.whose(interaction, character)
        if whose is None and interaction.guild_id is None:
            raise Rejected("Name a character. Without one this is set per server.")
        guild = interaction.guild_id if whose is None else None
        command = MapReactions(guild, whose, {spec.key: read(spec, emojis)})
        await self.do(interaction, command, unchanged=UNCHANGED)
        found = await mapped(self.context.log, interaction.guild_id, whose)
        return changed(interaction, next(one.line for one in found if one.act == spec.key))

    @suggesting("character", show, set_)
    async def suggest_character(self, interaction: Interaction, character: str) -> Choices:
        return await self.suggest(interaction, character)
