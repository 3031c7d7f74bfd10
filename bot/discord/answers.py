"""Answering an interaction in time (R27): deferred at once, then the result, or a sentence that says what went wrong."""

from collections.abc import Awaitable, Callable

import nextcord

from bot.delivery.split import split
from engine import ids, log
from engine.bus.consumer import TRANSIENT
from engine.decide.rejected import Rejected

QUIET = nextcord.AllowedMentions.none()
_log = log.get("discord.commands")

Interaction = nextcord.Interaction[nextcord.Client]
"""Not a `type` statement: nextcord looks at the annotation itself when it reads a handler's signature."""


async def answer(interaction: Interaction, work: Callable[[], Awaitable[str]], *, hidden: bool = True) -> None:
    """Defer, do the work, send its text. The person always gets an answer, whatever the work raises."""
    await interaction.response.defer(ephemeral=hidden, with_message=True)
    for part in split(await _text(work)):
        await interaction.followup.send(part, ephemeral=hidden, allowed_mentions=QUIET)


async def _text(work: Callable[[], Awaitable[str]]) -> str:
    try:
        return await work()
    except Rejected as rejected:
        return str(rejected)
    except TRANSIENT as error:
        _log.warning("a command must wait", error=type(error).__name__)
        return "The database does not answer right now. Try again in a moment."
    except Exception as error:
        reference = ids.reference()
        _log.error("a command failed", reference=reference, exc_info=error)
        return f"**Something broke**\nIt was noted.\n||reference {reference}||"
