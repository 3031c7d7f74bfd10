"""What carries out the tools of engine.resources.craft.tools: each is one file here and one line below."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from engine import clock, log
from engine.events.craft.tool import AskedTool
from engine.resources.craft import tools
from engine.resources.craft.tools import Unusable
from worker.providers.failure import ProviderFailed
from worker.tools import dice, image, memory, notes, now, remote, web
from worker.tools.kit import Kit
from worker.tools.using import ToolOutcome, ToolUse

RUN: Mapping[str, Callable[[ToolUse, Any], Awaitable[ToolOutcome]]] = {
    "memory": memory.run,
    "dice": dice.run,
    "time": now.run,
    "web": web.run,
    "notes": notes.run,
    "image": image.run,
}
"""Name to what does it."""
SECONDS = 20.0
"""Longest time one use may take."""
_log = log.get("tools")


async def use(asked: AskedTool, using: ToolUse, kit: Kit) -> ToolOutcome:
    """What comes of one use, of a refusal as well: a model is told in a sentence. Postgres' errors are raised."""
    begun = clock.monotonic()
    try:
        async with asyncio.timeout(SECONDS):
            outcome = await _used(asked, using, kit)
    except Unusable as error:
        outcome = ToolOutcome(str(error), done=False)
    except TimeoutError:
        outcome = ToolOutcome(
            f"It took longer than {SECONDS:g} seconds{'' if asked.name in RUN else ': whether it was done is not known'}.", done=False
        )
    except ProviderFailed as failure:
        outcome = ToolOutcome(f"It could not be reached ({failure.fault.category.value}).", done=False)
    ms = round((clock.monotonic() - begun) * 1000, 2)
    known = asked.name in RUN or asked.name in kit.remote
    _log.info("used", tool=asked.name if known else "unknown", done=outcome.done, ms=ms)
    return outcome.taking(ms)


async def _used(asked: AskedTool, using: ToolUse, kit: Kit) -> ToolOutcome:
    if (other := kit.remote.get(asked.name)) is not None:
        return await remote.run(using, other, asked)
    arguments = tools.asked(asked.name, asked.arguments, kit.names, kit.remote)
    return await RUN[asked.name](using, arguments)


__all__ = ["RUN", "Kit", "ToolOutcome", "ToolUse", "use"]
