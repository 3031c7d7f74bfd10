"""What a character may use in one turn: tools of ours, and those of servers that are there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.config import Settings
from engine.resources.craft import mcp, tools
from projections.models.catalog import Character
from worker.mcp.servers import RemoteTool
from worker.work import Work


@dataclass(frozen=True, slots=True)
class Kit:
    """Tools of ours by name, others' by the name models use; `missing` says in a sentence each what is not there of what was given."""

    names: tuple[str, ...] = ()
    remote: Mapping[str, RemoteTool] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    @property
    def offered(self) -> tuple[dict[str, Any], ...]:
        """All of them as requests name them."""
        return (*tools.offered(self.names), *(tool.function for tool in self.remote.values()))


NO_TOOLS = Kit()
_SET: Mapping[str, Callable[[Settings], object]] = {"web": lambda known: known.web_fetch_hosts, "image": lambda known: known.image_model}
"""Tools that are there only where the operator set something."""


async def of(work: Work, character: Character) -> Kit:
    """What a character may use here of what it was given, where it is set and where a server answers."""
    given = character.sheet.tools
    names = tuple(name for name in given if name in tools.TOOLS and (name not in _SET or _SET[name](work.settings)))
    if not any(map(mcp.is_named, given)):
        return Kit(names)
    offer = await work.mcp.offered(given)
    remote = {name: tool for name, tool in offer.tools.items() if name not in tools.TOOLS}
    return Kit(names, remote, offer.missing)
