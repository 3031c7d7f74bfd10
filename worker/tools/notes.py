"""The notebook a character keeps for one person in one channel: what it writes there is an event, stored together with the use."""

from engine.decide.craft import notebook
from engine.decide.rejected import Rejected
from engine.events.build import Cause, new
from engine.events.craft.tool import NotebookWritten
from engine.events.craft.tool import notebook as stream_of
from engine.resources.craft.tools import Notebook, Unusable
from engine.store import NewEvent
from worker.tools.using import ToolOutcome, ToolUse


async def run(using: ToolUse, arguments: Notebook) -> ToolOutcome:
    """Read, add or strike out. Raises Unusable."""
    turn = using.turn
    held = notebook.State()
    for recorded in await using.work.log.stream(stream_of(turn.character, turn.channel, turn.user_id)):
        held = notebook.evolve(held, recorded.event)
    if arguments.action == "read":
        return ToolOutcome("\n".join(f"{number}: {text}" for number, text in held.notes.items()) or "The notebook is empty.")
    if arguments.action == "strike":
        if arguments.number not in held.notes:
            raise Unusable(f"There is no note {arguments.number}. Read them first.")
        return ToolOutcome(f"Note {arguments.number} is struck out.", effects=(_written(using, struck=arguments.number),))
    try:
        text = notebook.checked(held, arguments.text)
    except Rejected as error:
        if str(error) == notebook.THERE:
            return ToolOutcome(notebook.THERE)
        raise Unusable(str(error)) from None
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
