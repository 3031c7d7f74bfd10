"""`/character`: make one, look at one, see which there are."""

from typing import Any

import nextcord
from nextcord import SlashOption

from bot.discord.answers import Interaction, answer
from bot.discord.custom_ids import Modals
from bot.discord.desk import Desk
from bot.discord.limits import CHOICES
from bot.editing import filled
from engine import log
from engine.resources.kinds import CHARACTER
from projections.models.catalog import Character

_log = log.get("discord.commands")


class CharacterCog(nextcord.ClientCog):
    """The commands."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    @nextcord.slash_command(name="character", description="AI characters to talk with")  # type: ignore[untyped-decorator]
    async def character(self, interaction: Interaction) -> None:
        """Only its sub-commands can be called."""

    @character.subcommand(name="create", description="Make a character of your own")  # type: ignore[untyped-decorator]
    async def create(self, interaction: Interaction) -> None:
        await interaction.response.send_modal(CreateCharacter(self.desk))

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

    @view.on_autocomplete("character")  # type: ignore[untyped-decorator]
    async def choose(self, interaction: Interaction, character: str) -> None:
        await interaction.response.send_autocomplete(choices(await self.desk.roster.usable_by(_user_id(interaction)), character))


class CreateCharacter(nextcord.ui.Modal):
    """The form. One instance, registered at start, takes all submissions: forms opened before a restart still arrive."""

    FIELDS = (
        ("name", "Name", True, nextcord.TextInputStyle.short),
        ("slug", "Short name (made from the name if empty)", False, nextcord.TextInputStyle.short),
        ("info", "Who is it?", True, nextcord.TextInputStyle.paragraph),
        ("traits", "How does it behave and talk?", False, nextcord.TextInputStyle.paragraph),
        ("avatar_url", "Picture (address)", False, nextcord.TextInputStyle.short),
    )

    def __init__(self, desk: Desk) -> None:
        super().__init__("New character", custom_id=Modals.CREATE_CHARACTER, timeout=None)
        self.desk = desk
        for name, label, required, style in self.FIELDS:
            self.add_item(nextcord.ui.TextInput(label, custom_id=name, required=required, style=style, max_length=_limit(name)))

    async def callback(self, interaction: Interaction) -> None:
        # Read before anything is awaited, and from the interaction: the items are shared by everybody who submits this form.
        values, user, key = submitted(interaction), _user_id(interaction), interaction.id

        async def work() -> str:
            made = await self.desk.create(user, key, values)
            char = self.desk.settings.bot_mention_char
            return f"**{made.description.name}** is there. Call it with `{char}{made.slug}`. It is private: only you can use it."

        await answer(interaction, work)

    async def on_error(self, error: Exception, interaction: Interaction) -> None:
        """nextcord would print the traceback, which may quote the form."""
        _log.error("a form failed outside its work", exc_info=error)


def _limit(key: str) -> int | None:
    spec = CHARACTER.field(key)
    return spec.shown.limit if spec else None


def submitted(interaction: Interaction) -> dict[str, str]:
    """custom_id to text of a submitted form."""
    data: Any = interaction.data or {}
    items = [item for row in data.get("components", []) for item in row.get("components", [])]
    return {str(item["custom_id"]): str(item.get("value") or "") for item in items}


def _user_id(interaction: Interaction) -> int:
    return interaction.user.id if interaction.user else 0


def described(character: Character, user_id: int) -> str:
    """What a person may see of a character: its owner everything, others what introduces it."""
    d = character.description
    lines = [f"**{d.name}** · `{character.slug}` · {character.visibility}"]
    shown = {"Who": d.info, "Traits": d.traits, "Tone": d.tone} if character.owner_id in (user_id, None) else {"Who": d.info}
    return "\n".join([*lines, *(f"**{title}:** {filled(text, d.name)}" for title, text in shown.items() if text)])


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
