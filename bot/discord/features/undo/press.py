"""The button that takes a change back, and the one that takes that back: what every answer to a change carries (C10)."""

from uuid import UUID

from bot.discord import custom_ids
from bot.discord.answers import Interaction, Told, answer
from bot.discord.components import button, row
from bot.discord.context import Context, key_of
from bot.discord.custom_ids import Press, Values
from bot.discord.payload import Json
from bot.discord.presses import Handler
from engine import undo
from engine.execute import Executed
from engine.store.progress import wait_for
from projections import registry

SEEN_S = 2.0


def undo_button(interaction: Interaction) -> Json:
    """The button that takes back what this interaction did."""
    return button(custom_ids.UNDO.id(interaction.id), "Undo")


def changed(interaction: Interaction, text: str, *more: Json) -> Told:
    """The answer to a change: what was done, and the button that takes it back before any others."""
    return Told(text, (row(undo_button(interaction), *more),))


def handlers(context: Context) -> dict[Press, Handler]:
    """What the two buttons do."""

    async def back(interaction: Interaction, values: Values) -> None:
        once_more = row(button(custom_ids.REDO.id(values[0]), "Do it again"))
        await _answered(context, interaction, key_of(values[0]), Told("Taken back.", (once_more,)))

    async def again(interaction: Interaction, values: Values) -> None:
        await _answered(context, interaction, undo.undo_key(key_of(values[0])), Told("Done again. `/undo` takes it back."))

    return {custom_ids.UNDO: back, custom_ids.REDO: again}


async def _answered(context: Context, interaction: Interaction, of: UUID, told: Told) -> None:
    actor = context.actor(interaction)

    async def work() -> Told:
        await shown(context, await undo.take_back(context.log, actor, of))
        return told

    await answer(interaction, work)


async def shown(context: Context, done: Executed) -> None:
    """Wait, not for ever, until every read model that takes these events has them."""
    types = {event.TYPE for event in done.events}
    if done.positions:
        await wait_for(context.log.pool, [p.name for p in registry.ALL if p.types & types], done.positions[-1], seconds=SEEN_S)
