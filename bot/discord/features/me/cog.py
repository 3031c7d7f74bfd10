"""`/me`: who one is for characters; `/settings`: what holds, by which tier it is set, and one's own key."""

from nextcord import SlashOption

from bot import editing, settings, sheets
from bot.discord import custom_ids
from bot.discord.answers import Choices, Interaction, Told, answer, open_form
from bot.discord.components import button, form, row, text_input
from bot.discord.context import Context, user_id
from bot.discord.custom_ids import Press, Values
from bot.discord.features.declare import Cog, answering, bare, command_group, suggesting
from bot.discord.features.me import data
from bot.discord.features.resources.cog import edit_found, edit_sheet, field_choices
from bot.discord.features.resources.editor import Editor
from bot.discord.payload import Json
from bot.discord.presses import Handler, submitted
from bot.editing import Item
from engine.resources.places.kinds import PROFILE
from projections.models.places import overrides

WITH = SlashOption(
    name="character", description="With this character only; empty: in general", required=False, default="", autocomplete=True
)


class MeCog(Cog):
    """The commands."""

    def __init__(self, editor: Editor) -> None:
        super().__init__(editor.context)
        self.editor = editor

    @command_group("me", "Who you are for characters, and how you want to be answered")
    async def me(self, interaction: Interaction) -> None:
        """Only its sub-commands can be called."""

    @answering("profile", "What you told characters of yourself", under=me)
    async def profile(self, interaction: Interaction, character: str = WITH) -> Told:
        item = await self._item(interaction, character)
        told = [f"**{spec.shown.label}:** {text or '*not set*'}" for spec, text in editing.shown(item, everything=True)]
        told.append("-# Only characters that answer you read it, and only then. `/me edit` changes it; `/settings show` says what holds.")
        edit = row(button(custom_ids.EDIT.id(PROFILE.name, item.id), "Edit", "blue"))
        return Told("\n".join([f"**{item.name}**", *told]), (edit,))

    @bare("edit", "Say who you are, and how you want to be answered", under=me)
    async def edit(
        self,
        interaction: Interaction,
        character: str = WITH,
        field: str = SlashOption(description="One field; leave it out to see them all", required=False, default="", autocomplete=True),
        value: str = SlashOption(description="Its new value; leave it out for a form", required=False, default=""),
    ) -> None:
        await edit_found(self.editor, interaction, PROFILE, lambda: self._item(interaction, character), field, value)

    @answering("export", "Everything you own or said here, as a file for you alone", under=me)
    async def export(self, interaction: Interaction) -> Told:
        return await data.export(self.context, self.context.actor(interaction))

    @answering("delete", "Delete everything you said or made here, for good", under=me)
    async def delete(self, interaction: Interaction) -> Told:
        return await data.preview(self.context, self.context.actor(interaction))

    @command_group("settings", "What holds in your conversations, and your own key")
    async def settings(self, interaction: Interaction) -> None:
        """Only its sub-commands can be called."""

    @answering("show", "What holds for you, and who set it", under=settings)
    async def show(self, interaction: Interaction, character: str = WITH) -> str:
        actor = self.context.actor(interaction)
        about = await self.whose(interaction, character)
        parent = interaction.client.place(interaction.channel_id or 0).parent_id  # type: ignore[attr-defined]  # it is our own client
        place = overrides.Place(actor.guild_id, actor.channel_id, parent)
        return "\n".join(await settings.lines(self.context.log, self.context.settings, actor.user_id, about, place))

    @bare("timezone", "The time where you are, for characters that answer you", under=settings)
    async def timezone(
        self, interaction: Interaction, zone: str = SlashOption(description="Such as Europe/Berlin", autocomplete=True)
    ) -> None:
        await edit_sheet(self.editor, interaction, PROFILE, sheets.id_of(0), "timezone", zone)

    @bare("apikey", "Bring your own key: it pays for answers to you only", under=settings)
    async def apikey(self, interaction: Interaction) -> None:
        async def work() -> Json:
            where = await settings.provider_name(self.context.log, self.context.settings)
            return form(
                custom_ids.API_KEY.id(), "Your key", [text_input("key", f"Key for {where}"[:45], most=512, long=False, required=True)]
            )

        await open_form(interaction, work)

    @answering("apikey-remove", "Take your own key away", under=settings)
    async def apikey_remove(self, interaction: Interaction) -> str:
        return await settings.remove_keys(self.context.log, self.context.actor(interaction))

    @suggesting("character", profile, edit, show)
    async def suggest_character(self, interaction: Interaction, character: str) -> Choices:
        return await self.suggest(interaction, character)

    @suggesting("field", edit)
    async def suggest_field(self, interaction: Interaction, field: str) -> Choices:
        return field_choices(PROFILE, self.context.actor(interaction), field)

    @suggesting("zone", timezone)
    async def suggest_zone(self, interaction: Interaction, zone: str) -> Choices:
        return settings.zones(zone)

    async def _item(self, interaction: Interaction, character: str) -> Item:
        actor = self.context.actor(interaction)
        about = await self.whose(interaction, character)
        return await sheets.profile_item(self.context.log, actor, actor.user_id, about)


def handlers(context: Context) -> dict[Press, Handler]:
    """What is done with a key that was typed into its form. It is sealed at once and stands in no event, line or answer."""

    async def typed(interaction: Interaction, _: Values) -> None:
        secret = submitted(interaction).get("key", "")

        async def work() -> str:
            return await settings.add_key(context.log, context.settings, user_id(interaction), secret)

        await answer(interaction, work)

    return {custom_ids.API_KEY: typed, **data.handlers(context)}
