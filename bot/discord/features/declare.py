"""How a command is declared: what it returns is answered in time, what it raises becomes a sentence (P2). One pattern for all features.

A handler takes the interaction and its options and returns what the person is told; `under` is the group it belongs to. What the commands
of a feature share (carry something out, find what a text means, suggest) is `Cog`.
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from inspect import signature
from typing import Any
from uuid import UUID

import nextcord

from bot.discord.answers import Choices, Interaction, Told, answer, open_form, suggest
from bot.discord.context import Context, key_of
from bot.discord.features.resources import known
from bot.discord.features.undo.press import shown
from bot.discord.payload import Json
from bot.editing import Item
from engine.decide.command import Command
from engine.decide.rejected import Rejected
from engine.execute import Executed, execute
from engine.resources.kinds import CHARACTER, Kind

UNCHANGED = "Nothing changed: it is so already."
type Handler[T] = Callable[..., Awaitable[T]]
type Declared = Any
"""A command as nextcord keeps it, which says nothing of its types."""


def command_group(name: str, description: str, *, under: Declared = nextcord) -> Callable[[Handler[None]], Declared]:
    """Declare a group: only its sub-commands can be called."""
    return bare(name, description, under=under)


def answering(name: str, description: str, *, under: Declared = nextcord, hidden: bool = True) -> Callable[[Handler[str | Told]], Declared]:
    """Declare a command that tells what its handler returns. With `hidden` False everybody sees what was done."""
    return lambda handler: bare(name, description, under=under)(answered(handler, hidden=hidden))


def bare(name: str, description: str, *, under: Declared = nextcord) -> Callable[[Handler[None]], Declared]:
    """Declare a command that answers by itself: with a form, or by a step of another command."""
    declare = under.slash_command if hasattr(under, "slash_command") else under.subcommand
    return lambda handler: declare(name=name, description=description)(handler)


def on_message(name: str) -> Callable[[Handler[str | Told]], Declared]:
    """Declare a command on a message (right click, Apps) that tells what its handler returns."""
    return lambda handler: nextcord.message_command(name=name)(answered(handler))


def opening(name: str) -> Callable[[Handler[Json]], Declared]:
    """Declare a command on a message that opens the form its handler returns."""
    return lambda handler: nextcord.message_command(name=name)(_opened(handler))


def suggesting(option: str, *commands: Declared) -> Callable[[Handler[Choices]], Handler[None]]:
    """Declare what finds suggestions while this option of these commands is typed."""

    def declare(handler: Handler[Choices]) -> Handler[None]:
        suggestions = _suggested(handler)
        for command in commands:
            command.on_autocomplete(option)(suggestions)
        return suggestions

    return declare


def _suggested(handler: Handler[Choices]) -> Handler[None]:
    """The handler as something that answers in time what is being typed, which comes right after the interaction."""
    place = list(signature(handler).parameters).index("interaction")

    @wraps(handler)
    async def suggestions(*given: Any, **options: Any) -> None:
        await suggest(given[place], str(given[place + 1]), lambda: handler(*given, **options))

    return suggestions


def answered(handler: Handler[str | Told], *, hidden: bool = True) -> Handler[None]:
    """The handler as something that answers the interaction it is given."""
    place = list(signature(handler).parameters).index("interaction")

    @wraps(handler)
    async def command(*given: Any, **options: Any) -> None:
        interaction: Interaction = given[place]
        await answer(interaction, lambda: handler(*given, **options), hidden=hidden)

    return command


def _opened(handler: Handler[Json]) -> Handler[None]:
    @wraps(handler)
    async def command(cog: object, interaction: Interaction, message: nextcord.Message) -> None:
        await open_form(interaction, lambda: handler(cog, interaction, message))

    return command


class Cog(nextcord.ClientCog):
    """The commands of a feature, and what they share."""

    def __init__(self, context: Context) -> None:
        self.context = context

    async def do(self, interaction: Interaction, command: Command, *, unchanged: str = "") -> Executed:
        """Carry a command out as whoever gave it, and wait until it shows. Raises Rejected, with `unchanged` where it changes nothing."""
        done = await execute(self.context.log, self.context.actor(interaction), command, key_of(interaction.id))
        if unchanged and not done.events:
            raise Rejected(unchanged)
        await shown(self.context, done)
        return done

    async def find(self, interaction: Interaction, text: str, kind: Kind[Any] = CHARACTER) -> Item:
        """The character, or what else is asked for, that a text means. Raises Rejected, with the nearest names."""
        return await known.find(self.context, kind, self.context.actor(interaction), text)

    async def whose(self, interaction: Interaction, text: str) -> UUID | None:
        """The character that a text means; None where it is empty. Raises Rejected."""
        return (await self.find(interaction, text)).id if text.strip() else None

    async def suggest(self, interaction: Interaction, typed: str, *, editable: bool = False) -> Choices:
        """The characters that the person may call, or change, that fit what was typed."""
        return await known.suggest(self.context, interaction, CHARACTER, typed, editable=editable)
