"""`/me`: who one is for characters; `/settings`: what holds, by which tier it is set, and one's own key."""

import nextcord
from nextcord import SlashOption

from bot import editing, settings, sheets
from bot.discord import custom_ids
from bot.discord.answers import Interaction, Told, answer, open_form
from bot.discord.components import button, form, row, text_input
from bot.discord.context import Context, user_id
from bot.discord.custom_ids import Press, Values
from bot.discord.features.me import data
from bot.discord.features.resources import known
from bot.discord.features.resources.cog import edit_sheet, field_choices
from bot.discord.features.resources.editor import Editor
from bot.discord.payload import Json
from bot.discord.presses import Handler, submitted
from bot.editing import Item
from engine.decide.rejected import Rejected
from engine.resources.kinds import CHARACTER
from engine.resources.places.kinds import PROFILE
from projections.models.places import overrides

WITH = SlashOption(
    name="character", description="With this character only; empty: in general", required=False, default="", autocomplete=True
)


class MeCog(nextcord.ClientCog):
    """The commands."""

    def __init__(self, editor: Editor) -> None:
        self.editor, self.context = editor, editor.context

    @nextcord.slash_command(name="me", description="Who you are for characters, and how you want to be answered")  # type: ignore[untyped-decorator]
    async def me(self, interaction: Interaction) -> None:
        """Only its sub-commands can be called."""

    @me.subcommand(name="profile", description="What you told characters of yourself")  # type: ignore[untyped-decorator]
    async def profile(self, interaction: Interaction, character: str = WITH) -> None:
        async def work() -> Told:
            item = await self._item(interaction, character)
            told = [f"**{spec.shown.label}:** {text or '*not set*'}" for spec, text in editing.shown(item, everything=True)]
            told.append(
                "-# Only characters that answer you read it, and only then. `/me edit` changes it; `/settings show` says what holds."
            )
            edit = row(button(custom_ids.EDIT.id(PROFILE.name, item.id), "Edit", "blue"))
            return Told("\n".join([f"**{item.name}**", *told]), (edit,))

        await answer(interaction, work)

    @me.subcommand(name="edit", description="Say who you are, and how you want to be answered")  # type: ignore[untyped-decorator]
    async def edit(
        self,
        interaction: Interaction,
        character: str = WITH,
        field: str = SlashOption(description="One field; leave it out to see them all", required=False, default="", autocomplete=True),
        value: str = SlashOption(description="Its new value; leave it out for a form", required=False, default=""),
    ) -> None:
        try:
            item = await self._item(interaction, character)
        except Rejected as rejected:
            await _refuse(interaction, rejected)
            return
        await edit_sheet(self.editor, interaction, PROFILE, item.id, field, value)

    @me.subcommand(name="export", description="Everything you own or said here, as a file for you alone")  # type: ignore[untyped-decorator]
    async def export(self, interaction: Interaction) -> None:
        await answer(interaction, lambda: data.export(self.context, self.context.actor(interaction)))

    @me.subcommand(name="delete", description="Delete everything you said or made here, for good")  # type: ignore[untyped-decorator]
    async def delete(self, interaction: Interaction) -> None:
        await answer(interaction, lambda: data.preview(self.context, self.context.actor(interaction)))

    @nextcord.slash_command(name="settings", description="What holds in your conversations, and your own key")  # type: ignore[untyped-decorator]
    async def settings(self, interaction: Interaction) -> None:
        """Only its sub-commands can be called."""

    @settings.subcommand(name="show", description="What holds for you, and who set it")  # type: ignore[untyped-decorator]
    async def show(self, interaction: Interaction, character: str = WITH) -> None:
        async def work() -> str:
            actor = self.context.actor(interaction)
            about = (await known.find(self.context, CHARACTER, actor, character)).id if character.strip() else None
            parent = interaction.client.place(interaction.channel_id or 0).parent_id  # type: ignore[attr-defined]  # it is our own client
            place = overrides.Place(actor.guild_id, actor.channel_id, parent)
            return "\n".join(await settings.lines(self.context.log, self.context.settings, actor.user_id, about, place))

        await answer(interaction, work)

    @settings.subcommand(name="timezone", description="The time where you are, for characters that answer you")  # type: ignore[untyped-decorator]
    async def timezone(
        self, interaction: Interaction, zone: str = SlashOption(description="Such as Europe/Berlin", autocomplete=True)
    ) -> None:
        await edit_sheet(self.editor, interaction, PROFILE, sheets.id_of(0), "timezone", zone)

    @settings.subcommand(name="apikey", description="Bring your own key: it pays for answers to you only")  # type: ignore[untyped-decorator]
    async def apikey(self, interaction: Interaction) -> None:
        async def work() -> Json:
            where = await settings.provider_name(self.context.log, self.context.settings)
            return form(
                custom_ids.API_KEY.id(), "Your key", [text_input("key", f"Key for {where}"[:45], most=512, long=False, required=True)]
            )

        await open_form(interaction, work)

    @settings.subcommand(name="apikey-remove", description="Take your own key away")  # type: ignore[untyped-decorator]
    async def apikey_remove(self, interaction: Interaction) -> None:
        async def work() -> str:
            return await settings.remove_keys(self.context.log, self.context.actor(interaction))

        await answer(interaction, work)

    @profile.on_autocomplete("character")  # type: ignore[untyped-decorator]
    async def suggest_profile(self, interaction: Interaction, character: str) -> None:
        await self._suggest(interaction, character)

    @edit.on_autocomplete("character")  # type: ignore[untyped-decorator]
    async def suggest_edit(self, interaction: Interaction, character: str) -> None:
        await self._suggest(interaction, character)

    @show.on_autocomplete("character")  # type: ignore[untyped-decorator]
    async def suggest_show(self, interaction: Interaction, character: str) -> None:
        await self._suggest(interaction, character)

    @edit.on_autocomplete("field")  # type: ignore[untyped-decorator]
    async def suggest_field(self, interaction: Interaction, field: str) -> None:
        await interaction.response.send_autocomplete(field_choices(PROFILE, self.context.actor(interaction), field))

    @timezone.on_autocomplete("zone")  # type: ignore[untyped-decorator]
    async def suggest_zone(self, interaction: Interaction, zone: str) -> None:
        await interaction.response.send_autocomplete(settings.zones(zone))

    async def _suggest(self, interaction: Interaction, text: str) -> None:
        found = await known.items(self.context, CHARACTER, self.context.actor(interaction))
        await interaction.response.send_autocomplete(known.suggestions(found, text, editable=False))

    async def _item(self, interaction: Interaction, character: str) -> Item:
        actor = self.context.actor(interaction)
        about = (await known.find(self.context, CHARACTER, actor, character)).id if character.strip() else None
        return await sheets.profile_item(self.context.log, actor, actor.user_id, about)


async def _refuse(interaction: Interaction, rejected: Rejected) -> None:
    async def work() -> str:
        raise rejected

    await answer(interaction, work)


def handlers(context: Context) -> dict[Press, Handler]:
    """What is done with a key that was typed into its form. It is sealed at once and stands in no event, line or answer."""

    async def typed(interaction: Interaction, _: Values) -> None:
        secret = submitted(interaction).get("key", "")

        async def work() -> str:
            return await settings.add_key(context.log, context.settings, user_id(interaction), secret)

        await answer(interaction, work)

    return {custom_ids.API_KEY: typed, **data.handlers(context)}
