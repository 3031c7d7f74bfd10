"""`/preset override`: the preset that answers a person with one character, everybody in a channel, or everybody in a server (C4)."""

from typing import Any

from nextcord import SlashOption

from bot import editing, settings
from bot.discord.answers import Choices, Interaction, Told
from bot.discord.context import key_of
from bot.discord.features.declare import UNCHANGED, answering, suggesting
from bot.discord.features.resources import known
from bot.discord.features.resources.cog import WHICH
from bot.discord.features.resources.editor import Editor
from bot.discord.features.undo.press import changed
from engine.actor import Actor
from engine.decide.places.override import OverridePreset
from engine.decide.rejected import Rejected
from engine.resources.kinds import CHARACTER, PRESET
from projections.models.places import overrides

ME, CHANNEL, SERVER = "me, with one character", "everybody in this channel", "everybody in this server"
NAME = SlashOption(name="preset", description=WHICH, required=False, default="", autocomplete=True)
WITH = SlashOption(description="With this character it answers you", required=False, default="", autocomplete=True)
WHOM = SlashOption(name="for", description="Whom it answers; left out: you", required=False, default=ME, choices=[ME, CHANNEL, SERVER])
CLEAR = SlashOption(description="Choose none there any more", required=False, default=False)


def add(group: Any, editor: Editor) -> None:
    """Add the command."""
    context = editor.context

    @answering("override", "Choose the preset that answers you with one character, a channel or a server", under=group)
    async def override(interaction: Interaction, name: str = NAME, character: str = WITH, whom: str = WHOM, clear: bool = CLEAR) -> Told:
        if not (name or clear):
            return Told(await _shown(editor, interaction, character))
        return await _chosen(editor, interaction, "" if clear else name, character, whom)

    @suggesting("name", override)
    async def suggest_name(interaction: Interaction, name: str) -> Choices:
        return await known.suggest(context, interaction, PRESET, name, editable=False)

    @suggesting("character", override)
    async def suggest_character(interaction: Interaction, character: str) -> Choices:
        return await known.suggest(context, interaction, CHARACTER, character, editable=False)


async def _chosen(editor: Editor, interaction: Interaction, name: str, character: str, whom: str) -> Told:
    context, actor = editor.context, editor.context.actor(interaction)
    item = await known.find(context, PRESET, actor, name) if name else None
    about = await known.find(context, CHARACTER, actor, character) if character else None
    command, where = _placed(actor, item, about, whom)
    done = await editing.carry_out(context.log, actor, command, key_of(interaction.id))
    if not done.events:
        raise Rejected(UNCHANGED)
    return changed(interaction, f"**{item.name}** answers {where} now." if item else f"No preset is chosen for {where} any more.")


def _placed(actor: Actor, item: editing.Item | None, about: editing.Item | None, whom: str) -> tuple[OverridePreset, str]:
    """The command, and whom it is about. Raises Rejected."""
    preset = item.id if item else None
    if whom == ME:
        if about is None:
            raise Rejected("Name a character, or say for whom. `/preset default` chooses what answers you with every character.")
        return OverridePreset(preset, user_id=actor.user_id, character_id=about.id), f"you with **{about.name}**"
    if about is not None:
        raise Rejected("Name a character, or a channel or server, not both.")
    if actor.guild_id is None:
        raise Rejected("There is no server here. Name a character, or use `/preset default`.")
    if whom == CHANNEL:
        return OverridePreset(preset, channel_id=actor.channel_id, guild_id=actor.guild_id), "everybody in this channel"
    return OverridePreset(preset, guild_id=actor.guild_id), "everybody in this server"


async def _shown(editor: Editor, interaction: Interaction, character: str) -> str:
    """Which preset answers here and who chose it; and this person's own choices for characters."""
    context, actor = editor.context, editor.context.actor(interaction)
    about = await known.find(context, CHARACTER, actor, character) if character else None
    presets = {item.id: item.name for item in await known.items(context, PRESET, actor)}
    names = {item.id: item.name for item in await known.items(context, CHARACTER, actor)}
    parent = interaction.client.place(interaction.channel_id or 0).parent_id  # type: ignore[attr-defined]  # it is our own client
    place = overrides.Place(actor.guild_id, actor.channel_id, parent)
    async with context.log.pool.connection() as connection:
        found = await overrides.answering(connection, context.log.vault, actor.user_id, about.id if about else None, place)
        own = await overrides.everywhere(connection, actor.user_id)
    lines = [
        f"You are answered by {settings.preset_words(found, context.settings, actor.user_id)}{f' with **{about.name}**' if about else ''}."
    ]
    lines += [f"**{presets.get(one.preset, '?')}** answers you with **{names.get(one.character, 'a character')}**." for one in own]
    order = "-# Yours for a character goes first, then `/preset default`, then the channel's, the server's, the character's."
    return "\n".join([*lines, order])
