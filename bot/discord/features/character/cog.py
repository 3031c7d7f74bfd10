"""`/character`: make, look at, change and delete characters, and see which there are."""

import nextcord
from nextcord import SlashOption

from bot.discord import custom_ids
from bot.discord.answers import Interaction, Told, answer
from bot.discord.components import Form, form, text_input
from bot.discord.custom_ids import Press, Values
from bot.discord.desk import Desk
from bot.discord.features.undo.press import changed
from bot.discord.limits import CHOICES
from bot.discord.payload import Json
from bot.discord.presses import Handler, submitted
from engine.resources.character import CharacterSheet
from engine.resources.field import fields, value_at
from engine.resources.kinds import CHARACTER
from engine.resources.typed import show
from projections.models.catalog import Character


class CharacterCog(nextcord.ClientCog):
    """The commands."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    @nextcord.slash_command(name="character", description="AI characters to talk with")  # type: ignore[untyped-decorator]
    async def character(self, interaction: Interaction) -> None:
        """Only its sub-commands can be called."""

    @character.subcommand(name="create", description="Make a character of your own")  # type: ignore[untyped-decorator]
    async def create(self, interaction: Interaction) -> None:
        await interaction.response.send_modal(Form(create_form()))

    @character.subcommand(name="view", description="Look at a character")  # type: ignore[untyped-decorator]
    async def view(
        self, interaction: Interaction, character: str = SlashOption(description="Name or short name", autocomplete=True)
    ) -> None:
        user = _user_id(interaction)

        async def work() -> str:
            return described(await self.desk.find(user, character), user)

        await answer(interaction, work)

    @character.subcommand(name="list", description="See the characters you can talk with")  # type: ignore[untyped-decorator]
    async def list_(self, interaction: Interaction) -> None:
        user = _user_id(interaction)

        async def work() -> str:
            return listed(await self.desk.roster.usable_by(user), user, self.desk.settings.bot_mention_char)

        await answer(interaction, work)

    @character.subcommand(name="edit", description="Change a field of your character")  # type: ignore[untyped-decorator]
    async def edit(
        self,
        interaction: Interaction,
        character: str = SlashOption(description="Name or short name", autocomplete=True),
        field: str = SlashOption(description="What to change", autocomplete=True),
        value: str = SlashOption(description="The new value; leave it out to empty the field", required=False, default=""),
    ) -> None:
        user, key = _user_id(interaction), interaction.id

        async def work() -> str:
            found = await self.desk.edit(user, key, character, field, value)
            return f"**{found.name}** is changed. {_undo(key)}"

        await answer(interaction, work)

    @character.subcommand(name="alias", description="Give your character another name, or take one away")  # type: ignore[untyped-decorator]
    async def alias(
        self,
        interaction: Interaction,
        character: str = SlashOption(description="Name or short name", autocomplete=True),
        alias: str = SlashOption(description="The other name", max_length=100),
        remove: bool = SlashOption(description="Take it away", required=False, default=False),
    ) -> None:
        user, key = _user_id(interaction), interaction.id

        async def work() -> str:
            found = await self.desk.alias(user, key, character, alias, remove=remove)
            return f"**{found.name}** {'lost that name' if remove else 'answers to that name too'}. {_undo(key)}"

        await answer(interaction, work)

    @character.subcommand(name="delete", description="Delete your character; says first what that does")  # type: ignore[untyped-decorator]
    async def delete(
        self,
        interaction: Interaction,
        character: str = SlashOption(description="Name or short name", autocomplete=True),
        confirm: str = SlashOption(description="Its short name again, to delete it", required=False, default=""),
    ) -> None:
        user, key = _user_id(interaction), interaction.id

        async def work() -> str:
            return f"**{(await self.desk.delete(user, key, character, confirm)).name}** is deleted. {_undo(key)}"

        await answer(interaction, work)

    @character.subcommand(name="undo", description="Take a change or a deletion back")  # type: ignore[untyped-decorator]
    async def undo(
        self, interaction: Interaction, change: str = SlashOption(description="The number the change was answered with")
    ) -> None:
        user, key = _user_id(interaction), interaction.id

        async def work() -> str:
            await self.desk.take_back(user, key, change)
            return f"It was taken back. {_undo(key)}"

        await answer(interaction, work)

    @edit.on_autocomplete("field")  # type: ignore[untyped-decorator]
    async def choose_field(self, interaction: Interaction, field: str) -> None:
        await interaction.response.send_autocomplete(field_choices(field))

    @edit.on_autocomplete("character")  # type: ignore[untyped-decorator]
    async def choose_edited(self, interaction: Interaction, character: str) -> None:
        await self.choose(interaction, character)

    @alias.on_autocomplete("character")  # type: ignore[untyped-decorator]
    async def choose_called(self, interaction: Interaction, character: str) -> None:
        await self.choose(interaction, character)

    @delete.on_autocomplete("character")  # type: ignore[untyped-decorator]
    async def choose_deleted(self, interaction: Interaction, character: str) -> None:
        await self.choose(interaction, character)

    @view.on_autocomplete("character")  # type: ignore[untyped-decorator]
    async def choose(self, interaction: Interaction, character: str) -> None:
        await interaction.response.send_autocomplete(choices(await self.desk.roster.usable_by(_user_id(interaction)), character))


FORM = ("name", "slug", "info", "traits", "avatar_url")


def create_form() -> Json:
    """The form of a new character."""
    specs = [spec for key in FORM if (spec := CHARACTER.field(key)) is not None]
    inputs = [
        text_input(spec.key, spec.shown.label, hint=spec.shown.help, most=spec.shown.limit or 4000, long=spec.shown.widget == "text")
        for spec in specs
    ]
    return form(custom_ids.CREATE.id("character"), "New character", inputs)


def handlers(desk: Desk) -> dict[Press, Handler]:
    """What the form does."""

    async def create(interaction: Interaction, _: Values) -> None:
        values, user, key = submitted(interaction), _user_id(interaction), interaction.id

        async def work() -> Told:
            made = await desk.create(user, key, values)
            char = desk.settings.bot_mention_char
            text = f"**{made.description.name}** is there. Call it with `{char}{made.slug}`. It is private: only you can use it."
            return changed(interaction, text)

        await answer(interaction, work)

    return {custom_ids.CREATE: create}


def _user_id(interaction: Interaction) -> int:
    return interaction.user.id if interaction.user else 0


def _undo(key: int) -> str:
    return f"To take it back: `/character undo change:{key}`."


def field_choices(typed: str) -> dict[str, str]:
    """At most 25 fields of a character for what was typed: label to key."""
    wanted = typed.casefold()
    hits = [f for f in fields(CharacterSheet) if wanted in f.shown.label.casefold() or wanted in f.key]
    return {f.shown.label[:100]: f.key for f in hits[:CHOICES]}


def described(character: Character, user_id: int) -> str:
    """What a person may see of a character: its owner everything, others what introduces it."""
    d = character.description
    lines = [f"**{d.name}** · `{character.slug}` · {character.visibility}"]
    whole = character.owner_id in (user_id, None)
    specs = [s for s in fields(type(d)) if s.key != "name" and (whole or s.key == "info")]
    texts = [(s.shown.label, show(s, value_at(d, s.path))) for s in specs if value_at(d, s.path)]
    filled = ((label, text.replace("{{char}}", d.name).replace("{{user}}", f"<@{user_id}>")) for label, text in texts)
    return "\n".join([*lines, *(f"**{label}:** {text}" for label, text in filled)])


def listed(characters: list[Character], user_id: int, char: str) -> str:
    """One line per character."""
    if not characters:
        return "There is nobody yet. `/character create` makes one."
    mine = {True: " · yours", False: ""}
    return "\n".join(f"{char}{c.slug} — {c.name}{mine[c.owner_id == user_id]}" for c in characters)


def choices(characters: list[Character], typed: str) -> dict[str, str]:
    """At most 25 suggestions for what was typed: label to slug."""
    wanted = typed.casefold()
    hits = [c for c in characters if wanted in c.name.casefold() or wanted in c.slug]
    return {f"{c.name} ({c.slug})"[:100]: c.slug for c in hits[:CHOICES]}
