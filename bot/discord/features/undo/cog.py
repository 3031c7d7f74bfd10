"""`/undo`: take back one's own last changes, whatever they were about."""

from nextcord import SlashOption

from bot.discord.answers import Interaction, Told
from bot.discord.context import Context
from bot.discord.features.declare import Cog, answering
from bot.discord.features.undo.press import shown
from engine import clock, undo
from engine.actor import Actor
from engine.decide.rejected import Rejected
from projections.models import changes
from projections.models.changes import Change

MOST = 10


class UndoCog(Cog):
    """The command."""

    @answering("undo", "Take back your last changes, whatever they were about")
    async def undo(
        self,
        interaction: Interaction,
        number: int = SlashOption(description="How many; 1 unless given", required=False, default=1, min_value=1, max_value=MOST),
    ) -> Told:
        actor = self.context.actor(interaction)
        return Told(await _taken_back(self.context, actor, min(max(number, 1), MOST)))


async def _taken_back(context: Context, actor: Actor, number: int) -> str:
    """Take back the last changes, newest first; a line for each, also for those that cannot be. Raises Rejected when there are none."""
    async with context.log.pool.connection() as connection:
        recent = await changes.of(connection, actor.user_id, clock.now() - undo.WITHIN)
    found = changes.open_ones(recent, undo.undo_key)[: MOST + number]
    if not found:
        raise Rejected(f"You changed nothing within the last {undo.WITHIN.days} days that can be taken back.")
    lines: list[str] = []
    done = 0
    for change in found:
        if done == number:
            break
        try:
            await shown(context, await undo.take_back(context.log, actor, change.key))
        except Rejected as rejected:
            lines.append(f"Not taken back: {words(change)}. {rejected}")
            continue
        done += 1
        lines.append(f"Taken back: {words(change)}.")
    return "\n".join(lines)


def words(change: Change) -> str:
    """A change in a few words: `character edited`, with the time as Discord shows it to the reader."""
    return f"{change.type.replace('.', ' ').replace('_', ' ')} <t:{int(change.at.timestamp())}:R>"
