"""How the bot shows itself, by command (F9)."""

from typing import cast, get_args

from bot.discord.answers import Interaction, Told
from bot.discord.context import Context, key_of
from bot.discord.features.declare import UNCHANGED
from bot.discord.features.undo.press import changed
from engine.decide.places.bulletin import SetPresence
from engine.decide.rejected import Rejected
from engine.execute import execute
from engine.resources.places.showing import Activity, Status

ACTIVITIES: tuple[str, ...] = get_args(Activity)
STATUSES: tuple[str, ...] = get_args(Status)


def command(text: str = "", activity: str = "custom", status: str = "online") -> SetPresence:
    """The command; what is no kind of activity or status is as it comes."""
    known = (status if status in STATUSES else "online", activity if activity in ACTIVITIES else "custom")
    return SetPresence(cast(Status, known[0]), cast(Activity, known[1]), text)


async def carry(context: Context, interaction: Interaction, wanted: SetPresence) -> Told:
    """Carry it out. Raises Rejected."""
    done = await execute(context.log, context.actor(interaction), wanted, key_of(interaction.id), see=["changes"])
    if not done.events:
        raise Rejected(UNCHANGED)
    return changed(interaction, "It is set." if wanted.text else "It shows no text any more.")
