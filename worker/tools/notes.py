"""The notebook a character keeps for one person in one channel: what it writes there is an event, stored together with the use."""

from engine.events.build import Cause, new
from engine.events.craft.tool import NotebookWritten, notebook
from engine.resources.craft.tools import Notebook, Unusable
from engine.resources.typed import tidy
from engine.store import Log, NewEvent
from worker.tools.using import ToolOutcome, ToolUse

MOST = 100
"""Notes there may be at the same time."""


async def run(using: ToolUse, arguments: Notebook) -> ToolOutcome:
    """Read, add or strike out. Raises Unusable."""
    turn = using.turn
    held = await kept(using.work.log, notebook(turn.character, turn.channel, turn.user_id))
    if arguments.action == "read":
        return ToolOutcome("\n".join(f"{number}: {text}" for number, text in held.items()) or "The notebook is empty.")
    if arguments.action == "strike":
        if arguments.number not in held:
            raise Unusable(f"There is no note {arguments.number}. Read them first.")
        return ToolOutcome(f"Note {arguments.number} is struck out.", effects=(_written(using, struck=arguments.number),))
    text = tidy(arguments.text)
    if not text:
        raise Unusable("A note needs a text.")
    if text in held.values():
        return ToolOutcome("That stands there already.")
    if len(held) >= MOST:
        raise Unusable(f"The notebook is full: {MOST} notes. Strike one out first.")
    return ToolOutcome("Noted.", effects=(_written(using, text=text),))


def _written(using: ToolUse, *, text: str = "", struck: int | None = None) -> NewEvent:
    turn = using.turn
    event = NotebookWritten(
        character_id=turn.character,
        channel_id=turn.channel,
        guild_id=turn.guild,
        user_id=turn.user_id,
        turn_id=turn.turn,
        struck=struck,
        text=text,
    )
    return new(event, using.id("notebook-written"), cause=Cause(turn.turn))


async def kept(log: Log, stream: str) -> dict[int, str]:
    """The notes of a notebook that stand, by their numbers; an erased one is gone."""
    found: dict[int, str] = {}
    written = [recorded for recorded in await log.stream(stream) if isinstance(recorded.event, NotebookWritten)]
    for number, recorded in enumerate(written, 1):
        event = recorded.event
        assert isinstance(event, NotebookWritten)
        if event.struck is not None:
            found.pop(event.struck, None)
        elif event.text and not recorded.erased:
            found[number] = event.text
    return found
