"""`/reactions`: show and set which emoji on a character's reply does what, in this server or for one character."""

from uuid import UUID

import nextcord
from nextcord import SlashOption

from bot.discord.answers import Interaction, Told, answer
from bot.discord.context import Context, key_of
from bot.discord.features.resources import known
from bot.discord.features.undo.press import changed, shown
from bot.mapping import mapped
from engine.actor import Actor
from engine.decide.reacting.mapping import MapReactions
from engine.decide.rejected import Rejected
from engine.execute import execute
from engine.resources.kinds import CHARACTER, REACTIONS
from engine.resources.reacting.emoji import NOTHING
from engine.resources.typed import read

CHOICES = {spec.shown.label: spec.key for spec in REACTIONS.fields}


class ReactionsCog(nextcord.ClientCog):
    """The commands."""

    def __init__(self, context: Context) -> None:
        self.context = context

    @nextcord.slash_command(name="reactions", description="Which emoji on a character's reply does what")  # type: ignore[untyped-decorator]
    async def group(self, interaction: Interaction) -> None:
        """Only its sub-commands can be called."""

    @group.subcommand(name="show", description="Show which emoji does what here")  # type: ignore[untyped-decorator]
    async def show(
        self,
        interaction: Interaction,
        character: str = SlashOption(description="On whose replies; empty: anybody's", required=False, default="", autocomplete=True),
    ) -> None:
        actor = self.context.actor(interaction)

        async def work() -> str:
            found = await mapped(self.context.log, interaction.guild_id, await self._character(actor, character))
            more = "Who wrote the message or owns the character can react to a reply so:"
            return "\n".join([more, *(f"- {one.line}" for one in found)])

        await answer(interaction, work)

    @group.subcommand(name="set", description="Say which emojis do something, in this server or for a character of yours")  # type: ignore[untyped-decorator]
    async def set_(
        self,
        interaction: Interaction,
        act: str = SlashOption(description="What is done", choices=CHOICES),
        emojis: str = SlashOption(description=f"With spaces between; {NOTHING}: none; empty: as elsewhere", required=False, default=""),
        character: str = SlashOption(description="Only on this character's replies", required=False, default="", autocomplete=True),
    ) -> None:
        actor = self.context.actor(interaction)

        async def work() -> Told:
            spec = REACTIONS.field(act)
            if spec is None:
                raise Rejected("There is no such act.")
            whose = await self._character(actor, character)
            if whose is None and interaction.guild_id is None:
                raise Rejected("Name a character. Without one this is set per server.")
            guild = interaction.guild_id if whose is None else None
            command = MapReactions(guild, whose, {spec.key: read(spec, emojis)})
            done = await execute(self.context.log, actor, command, key_of(interaction.id))
            if not done.events:
                raise Rejected("It is so already.")
            await shown(self.context, done)
            found = await mapped(self.context.log, interaction.guild_id, whose)
            return changed(interaction, next(one.line for one in found if one.act == spec.key))

        await answer(interaction, work)

    @show.on_autocomplete("character")  # type: ignore[untyped-decorator]
    async def choose(self, interaction: Interaction, character: str) -> None:
        await self._suggest(interaction, character)

    @set_.on_autocomplete("character")  # type: ignore[untyped-decorator]
    async def choose_own(self, interaction: Interaction, character: str) -> None:
        await self._suggest(interaction, character)

    async def _suggest(self, interaction: Interaction, character: str) -> None:
        items = await known.items(self.context, CHARACTER, self.context.actor(interaction))
        await interaction.response.send_autocomplete(known.suggestions(items, character, editable=False))

    async def _character(self, actor: Actor, text: str) -> UUID | None:
        return (await known.find(self.context, CHARACTER, actor, text)).id if text.strip() else None
