"""Uses a tool of a server that others wrote: what it says is material for the model, cut and cleaned, and never an instruction of ours."""

import orjson

from engine.events.craft.tool import AskedTool
from engine.resources.craft.tools import Unusable
from worker.mcp.servers import RemoteTool
from worker.tools.using import ToolOutcome, ToolUse


async def run(using: ToolUse, tool: RemoteTool, asked: AskedTool) -> ToolOutcome:
    """What the server says. Raises Unusable."""
    try:
        arguments = orjson.loads(asked.arguments or "{}")
    except orjson.JSONDecodeError:
        arguments = None
    if not isinstance(arguments, dict):
        raise Unusable("It was asked wrongly: its arguments are a JSON object.")
    text, done = await using.work.mcp.use(tool, arguments)
    return ToolOutcome(text, done=done)
