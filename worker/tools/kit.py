"""What a character may use in one turn: tools of ours, and those of servers that are there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.resources.craft import tools
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


async def of(work: Work, character: Character) -> Kit:
    """What a character may use here of what it was given: `web` where hosts are allowed, others' tools where their server answers."""
    given = character.sheet.tools
    names = tuple(name for name in given if name in tools.TOOLS and (name != "web" or work.settings.web_fetch_hosts))
    if len(names) == len(given):
        return Kit(names)
    offer = await work.mcp.offered(given)
    remote = {name: tool for name, tool in offer.tools.items() if name not in tools.TOOLS}
    return Kit(names, remote, offer.missing)
