"""Answering an interaction in time (R27): deferred at once, then the result, or a sentence that says what went wrong."""

import asyncio
import io
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import nextcord

from bot.delivery.split import split
from bot.discord.components import Form, Rows
from bot.discord.limits import CHOICE
from bot.discord.payload import Json
from engine import ids, log
from engine.bus.consumer import TRANSIENT
from engine.decide.rejected import Rejected
from engine.resources.typed import Wrong
from engine.store.room import NO_ROOM

QUIET = nextcord.AllowedMentions.none()
SUGGESTED_S = 2.0
"""Discord waits three seconds for suggestions."""
NOTHING_TYPED = "?"
"""What a suggestion means that says why there are none, as Discord lets none mean nothing."""
WAIT = "The database does not answer right now. Try again in a moment."
FULL = "The disk of the database is full, so nothing was stored. Tell whoever runs this bot; then try again."
_log = log.get("discord.commands")
Interaction = nextcord.Interaction[nextcord.Client]
"""Not a `type` statement: nextcord looks at the annotation itself when it reads a handler's signature."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a person is told. Buttons stand under its last message; `file` is (name, content). `sent`: the work told it itself."""

    text: str
    rows: tuple[Json, ...] = ()
    file: tuple[str, bytes] | None = None
    done: bool = True
    sent: bool = False


type Work = Callable[[], Awaitable[str | Told]]
type Choices = Mapping[str, str]
"""Suggestions while an option is typed: what a person reads -> what it means."""


async def answer(interaction: Interaction, work: Work, *, hidden: bool = True) -> None:
    """Defer, do the work, send its text. The person always gets an answer, whatever the work raises.

    With `hidden` False everybody in the channel sees what was done; what could not be done is told to the person alone.
    """
    await interaction.response.defer(ephemeral=True, with_message=True)
    told = await _told(work)
    if told.sent:
        return
    public = told.done and not hidden
    if public:  # the first message takes the place of the hidden "thinking" and is as hidden as that
        await interaction.followup.send("Done.", ephemeral=True, allowed_mentions=QUIET)
    await _send(interaction, told, public=public)


async def update(interaction: Interaction, work: Work) -> None:
    """Defer, do the work, and show its text and buttons in place of the message that was pressed.

    What could not be done is told beside it, to the person alone.
    """
    await interaction.response.defer()
    told = await _told(work)
    if not told.done:
        await _send(interaction, told, public=False)
        return
    view = Rows(told.rows) if told.rows else None
    await interaction.edit_original_message(content=_parts(told.text)[0], view=view, allowed_mentions=QUIET)


async def open_form(interaction: Interaction, work: Callable[[], Awaitable[Json]]) -> None:
    """Open a form (bot.discord.components.form), or say why not. It cannot be deferred: the work is to be short."""
    made: Json = {}

    async def prepare() -> str:
        made.update(await work())
        return ""

    told = await _told(prepare)
    if told.done:
        await interaction.response.send_modal(Form(made))
    else:
        await interaction.response.send_message(told.text, ephemeral=True, allowed_mentions=QUIET)


async def suggest(interaction: Interaction, typed: str, work: Callable[[], Awaitable[Choices]]) -> None:
    """Answer with the suggestions for what was typed, or with one that says why there are none; choosing that leaves what was typed."""

    async def found() -> str:
        async with asyncio.timeout(SUGGESTED_S):
            choices.update(await work())
        return ""

    choices: dict[str, str] = {}
    told = await _told(found)
    await interaction.response.send_autocomplete(choices if told.done else {_line(told.text): typed.strip()[:CHOICE] or NOTHING_TYPED})


def _line(text: str) -> str:
    return " ".join(text.replace("*", "").replace("|", "").split())[:CHOICE]


async def _send(interaction: Interaction, told: Told, *, public: bool) -> None:
    *parts, last = _parts(told.text)
    for part in parts:
        await interaction.followup.send(part, ephemeral=not public, allowed_mentions=QUIET)
    more: Json = {"view": Rows(told.rows)} if told.rows else {}
    if told.file is not None:
        more["file"] = nextcord.File(io.BytesIO(told.file[1]), told.file[0])
    await interaction.followup.send(last, ephemeral=not public, allowed_mentions=QUIET, **more)


def _parts(text: str) -> list[str]:
    return split(text) or ["It is empty."]


async def _told(work: Work) -> Told:
    """What the work answers, or the sentence for what it raised."""
    try:
        told = await work()
        return Told(told) if isinstance(told, str) else told
    except (Rejected, Wrong) as error:
        return Told(str(error), done=False)
    except NO_ROOM:
        _log.warning("a command found no room on the disk of the database")
        return Told(FULL, done=False)
    except (TimeoutError, *TRANSIENT) as error:
        _log.warning("a command must wait", error=type(error).__name__)
        return Told(WAIT, done=False)
    except Exception as error:  # a person gets a sentence and a reference, whatever broke
        reference = ids.reference()
        _log.error("a command failed", reference=reference, exc_info=error)
        return Told(f"**Something broke**\nIt was noted.\n||reference {reference}||", done=False)
