"""Looks for what was said and noted: among exactly what the character may meet when it answers this person here."""

from engine import ids
from engine.resources.craft.tools import Recollection
from projections.models import history_window
from projections.models.memories import memory_scope
from projections.models.memories.memory_scope import MemoryScope
from projections.prompt.recall import Question
from projections.prompt.sections import memories
from projections.snapshot import snapshot
from worker.tools.using import ToolOutcome, ToolUse

NOTHING = "Nothing was found."


async def run(using: ToolUse, arguments: Recollection) -> ToolOutcome:
    """References to what was found: what it says is read from the log whenever the prompt is made."""
    work, turn = using.work, using.turn
    if work.recall is None:
        return ToolOutcome("Nothing is remembered here.", done=False)
    at = ids.snowflake_time(turn.message_id)
    async with work.log.pool.connection() as connection, snapshot(connection):
        trigger = await history_window.message(connection, turn.message_id)
        if trigger is None:
            return ToolOutcome(NOTHING)
        scope = MemoryScope(turn.character, turn.user_id, turn.channel, turn.guild, turn.venue, until=trigger.position, at=at)
        candidates = await memory_scope.met(connection, scope)
    if not candidates:
        return ToolOutcome(NOTHING)
    asked = str(trigger.position)
    found = await work.recall(Question(scope, asked, (), candidates, frozenset(), text=arguments.query))
    async with work.log.pool.connection() as connection:
        refs = await memories.referred(connection, turn.character, found)
    return ToolOutcome(refs=refs) if found else ToolOutcome(NOTHING)
