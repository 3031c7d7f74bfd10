"""`/server`: where characters may speak in a whole server, and what people are told there."""

from nextcord import SlashOption

from bot import editing, sheets
from bot.discord import custom_ids
from bot.discord.answers import Choices, Interaction, Told
from bot.discord.components import button, row
from bot.discord.features.declare import Cog, answering, bare, command_group, suggesting
from bot.discord.features.resources.cog import edit_sheet, field_choices
from bot.discord.features.resources.editor import Editor
from engine.decide.rejected import Rejected
from engine.resources.places.kinds import SERVER


class ServerCog(Cog):
    """The commands."""

    def __init__(self, editor: Editor) -> None:
        super().__init__(editor.context)
        self.editor = editor

    @command_group("server", "What holds for characters in this whole server")
    async def group(self, interaction: Interaction) -> None:
        """Only its sub-commands can be called."""

    @answering("show", "What is set for this server", under=group)
    async def show(self, interaction: Interaction) -> Told:
        if interaction.guild_id is None:
            raise Rejected("This is no server. Use `/server show` in one.")
        item = await sheets.one(self.context.log, SERVER, self.context.actor(interaction), sheets.id_of(interaction.guild_id))
        told = [f"**{spec.shown.label}:** {text or '*not set*'}" for spec, text in editing.shown(item, everything=True)]
        told.append("-# For everybody here, administrators too. A channel may be stricter: `/channel explain`.")
        edit = (row(button(custom_ids.EDIT.id(SERVER.name, item.id), "Edit", "blue")),) if item.editable else ()
        return Told("\n".join(told), edit)

    @bare("edit", "Change what is set for this server", under=group)
    async def edit(
        self,
        interaction: Interaction,
        field: str = SlashOption(description="One field; leave it out to see them all", required=False, default="", autocomplete=True),
        value: str = SlashOption(description="Its new value; leave it out for a form", required=False, default=""),
    ) -> None:
        await edit_sheet(self.editor, interaction, SERVER, sheets.id_of(interaction.guild_id or 0), field, value)

    @suggesting("field", edit)
    async def suggest_field(self, interaction: Interaction, field: str) -> Choices:
        return field_choices(SERVER, self.context.actor(interaction), field)
