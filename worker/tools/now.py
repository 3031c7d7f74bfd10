"""Reads the clock in a place."""

from datetime import UTC

from engine import clock
from engine.resources.craft.tools import Clock, Unusable
from engine.resources.places.profile import zone_of
from worker.tools.using import ToolOutcome, ToolUse


async def run(using: ToolUse, arguments: Clock) -> ToolOutcome:
    """Day, date and time. Raises Unusable."""
    name = arguments.zone.strip()
    zone = zone_of(name) if name else UTC
    if zone is None:
        raise Unusable("There is no such time zone. Name one as Europe/Paris, or none for UTC.")
    return ToolOutcome(clock.now().astimezone(zone).strftime(f"%A, %d %B %Y, %H:%M ({name or 'UTC'})"))
