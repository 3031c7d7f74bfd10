"""Puts the tool calls of an answer together from their pieces, bounded whatever comes. Pure."""

from dataclasses import dataclass, field

from engine.events.craft.tool import AskedTool
from engine.outside import clean
from worker.providers.dialects import ToolPiece

MOST = 16
"""Calls of one answer that are kept."""
LONGEST = 16_384
"""Characters of one call's arguments that are kept."""


@dataclass(slots=True)
class _Call:
    index: int
    id: str
    name: str = ""
    arguments: str = ""


@dataclass(slots=True)
class ToolCalls:
    """Feed pieces; `asked` are the calls so far, in their order."""

    _calls: list[_Call] = field(default_factory=list)

    def take(self, piece: ToolPiece) -> None:
        """Take a piece in. One with another id than the call of its index has begins a new one."""
        call = next((one for one in reversed(self._calls) if one.index == piece.index), None)
        if call is None or (piece.id and call.id and piece.id != call.id):
            if len(self._calls) >= MOST:
                return
            call = _Call(piece.index, piece.id)
            self._calls.append(call)
        call.id = call.id or piece.id
        call.name = call.name or piece.name
        call.arguments = (piece.arguments if piece.whole else call.arguments + piece.arguments)[:LONGEST]

    @property
    def asked(self) -> tuple[AskedTool, ...]:
        """Those that name a tool."""
        return tuple(
            AskedTool(name=clean.name(call.name, 64), arguments=clean.storable(call.arguments)) for call in self._calls if call.name
        )
