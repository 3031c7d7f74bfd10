"""Every command there is, on a client."""

import nextcord

from bot.discord.client import Client
from bot.discord.context import Context
from bot.discord.features.admin.cog import AdminCog
from bot.discord.features.channel.cog import ChannelCog
from bot.discord.features.chat.cog import ChatCog
from bot.discord.features.deny.cog import DenyCog
from bot.discord.features.help.cog import HelpCog
from bot.discord.features.history.cog import HistoryCog
from bot.discord.features.lore.cog import LoreCog
from bot.discord.features.me.cog import MeCog
from bot.discord.features.memory.cog import MemoryCog
from bot.discord.features.note.cog import NotebookCog, NoteCog
from bot.discord.features.persona import wearing
from bot.discord.features.reactions.cog import ReactionsCog
from bot.discord.features.reply.cog import ReplyCog
from bot.discord.features.resources import overriding
from bot.discord.features.resources.cog import add_commands
from bot.discord.features.resources.editor import Editor
from bot.discord.features.scene.cog import SceneCog
from bot.discord.features.script.cog import ScriptCog
from bot.discord.features.server.cog import ServerCog
from bot.discord.features.undo.cog import UndoCog
from bot.editing import KINDS
from engine.resources.kinds import PRESET
from engine.resources.places.kinds import PERSONA


def add_all(client: Client, context: Context, editor: Editor) -> None:
    """Add the commands of every feature, and those of every kind of thing that people edit."""
    for kind in KINDS.values():
        group = add_commands(client, kind, editor)
        if kind is PERSONA:
            wearing.add(group, editor)
        elif kind is PRESET:
            overriding.add(group, editor)
    cogs: tuple[nextcord.ClientCog, ...] = (
        ChannelCog(editor),
        ServerCog(editor),
        DenyCog(context),
        MeCog(editor),
        HelpCog(context),
        ChatCog(context),
        HistoryCog(context),
        SceneCog(context),
        UndoCog(context),
        ReplyCog(context),
        MemoryCog(context),
        ReactionsCog(context),
        AdminCog(context),
        LoreCog(context),
        NoteCog(context),
        NotebookCog(context),
        ScriptCog(context),
    )
    for cog in cogs:
        client.add_cog(cog)
