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
    """Defer, do the work, send its text. The person always gets an answer, whatever the work raises.

    With `hidden` False everybody in the channel sees what was done; what could not be done is told to the person alone.
    """
    await interaction.response.defer(ephemeral=True, with_message=True)
    text, done = await _text(work)
    public = done and not hidden
    if public:  # the first message takes the place of the hidden "thinking" and is as hidden as that
        await interaction.followup.send("Done.", ephemeral=True, allowed_mentions=QUIET)
    for part in split(text):
        await interaction.followup.send(part, ephemeral=not public, allowed_mentions=QUIET)


async def _text(work: Callable[[], Awaitable[str]]) -> tuple[str, bool]:
    """The answer, and whether the work was done."""
    try:
        return await work(), True
    except Rejected as rejected:
        return str(rejected), False
    except TRANSIENT as error:
        _log.warning("a command must wait", error=type(error).__name__)
        return "The database does not answer right now. Try again in a moment.", False
    except Exception as error:  # a person gets a sentence and a reference, whatever broke
        reference = ids.reference()
        _log.error("a command failed", reference=reference, exc_info=error)
        return f"**Something broke**\nIt was noted.\n||reference {reference}||", False
