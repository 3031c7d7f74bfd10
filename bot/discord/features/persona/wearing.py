"""`/persona default` and `/persona override`: which of one's personas one is, everywhere, in a server, or for a character."""

from typing import Any

from nextcord import SlashOption

from bot import editing
from bot.discord.answers import Choices, Interaction, Told
from bot.discord.context import key_of
from bot.discord.features.declare import UNCHANGED, answering, suggesting
from bot.discord.features.resources import known
from bot.discord.features.resources.cog import WHICH
from bot.discord.features.resources.editor import Editor
from bot.discord.features.undo.press import changed
from engine.decide.places import persona
from engine.decide.rejected import Rejected
from engine.resources.kinds import CHARACTER
from engine.resources.places.kinds import PERSONA
from projections.models.places import personas

NAME = SlashOption(name="persona", description=WHICH, required=False, default="", autocomplete=True)
CLEAR = SlashOption(description="Choose none here any more", required=False, default=False)
FOR = SlashOption(description="For this character; leave it out for this server", required=False, default="", autocomplete=True)


def add(group: Any, editor: Editor) -> None:
    """Add both commands."""
    context = editor.context

    @answering("default", "Be one of your personas everywhere, or see who you are where", under=group)
    async def default(interaction: Interaction, name: str = NAME, clear: bool = CLEAR) -> Told:
        return await _chosen(editor, interaction, name, clear=clear) if name or clear else await _where(editor, interaction)

    @answering("override", "Be another persona in this server, or for one character", under=group)
    async def override(interaction: Interaction, name: str = NAME, character: str = FOR, clear: bool = CLEAR) -> Told:
        if not (name or clear):
            raise Rejected("Name a persona, or say `clear`. `/persona default` shows who you are where.")
        return await _overridden(editor, interaction, name, character, clear=clear)

    @suggesting("name", default)
    async def suggest_default(interaction: Interaction, name: str) -> Choices:
        return await known.suggest(context, interaction, PERSONA, name, editable=True)

    @suggesting("name", override)
    async def suggest_override(interaction: Interaction, name: str) -> Choices:
        return await known.suggest(context, interaction, PERSONA, name, editable=True)

    @suggesting("character", override)
    async def suggest_character(interaction: Interaction, character: str) -> Choices:
        return await known.suggest(context, interaction, CHARACTER, character, editable=False)


async def _overridden(editor: Editor, interaction: Interaction, name: str, character: str, *, clear: bool) -> Told:
    actor = editor.context.actor(interaction)
    if character:
        about = await known.find(editor.context, CHARACTER, actor, character)
        return await _chosen(editor, interaction, name, clear=clear, about=about)
    if actor.guild_id is None:
        raise Rejected("There is no server here. Name a character, or use `/persona default`.")
    return await _chosen(editor, interaction, name, clear=clear, guild=actor.guild_id)


async def _chosen(
    editor: Editor, interaction: Interaction, name: str, *, clear: bool, about: editing.Item | None = None, guild: int | None = None
) -> Told:
    context, actor = editor.context, editor.context.actor(interaction)
    item = None if clear else await known.find(context, PERSONA, actor, name)
    command = persona.Wear(actor.user_id, item.id if item else None, guild, about.id if about else None)
    done = await editing.carry_out(context.log, actor, command, key_of(interaction.id))
    if not done.events:
        raise Rejected(UNCHANGED)
    where = f"for **{about.name}**" if about else "in this server" if guild is not None else "everywhere"
    return changed(interaction, f"You are **{item.name}** {where} now." if item else f"You chose no persona {where} any more.")


async def _where(editor: Editor, interaction: Interaction) -> Told:
    """Who this person is where, the closest choice counting first."""
    context, actor = editor.context, editor.context.actor(interaction)
    mine = {item.id: item.name for item in await known.items(context, PERSONA, actor)}
    characters = {item.id: item.name for item in await known.items(context, CHARACTER, actor)}
    async with context.log.pool.connection() as connection:
        found = await personas.choices(connection, actor.user_id)
    lines = []
    for persona_id, places in found.items():
        for guild, character in places:
            here = "this server" if guild == actor.guild_id else f"server {guild}"
            where = f"in {here}" if guild else "everywhere"
            if character != personas.ANYONE:
                where = f"for **{characters.get(character, 'a character')}**"
            lines.append(f"You are **{mine.get(persona_id, '?')}** {where}.")
    if not lines:
        return Told("You are yourself everywhere: what `/me profile` says. `/persona create` makes somebody else you can be.")
    return Told("\n".join([*lines, "-# A choice for a character counts first, then that for a server, then that for everywhere."]))
