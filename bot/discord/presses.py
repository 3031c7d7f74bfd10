"""Presses of buttons, choices in selects and submitted forms: each goes to the one handler of its custom_id, and is always answered."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import nextcord

from bot.discord.answers import Interaction, answer
from bot.discord.custom_ids import PRESSES, Press, Values, advice, parse
from engine import log
from engine.decide.rejected import Rejected

type Handler = Callable[[Interaction, Values], Awaitable[None]]
PRESSED = frozenset({nextcord.InteractionType.component, nextcord.InteractionType.modal_submit})
_log = log.get("discord.presses")


class Presses:
    """Hands presses on. One per process; a press means the same before and after a restart, because its custom_id says all."""

    def __init__(self, *handlers: Mapping[Press, Handler]) -> None:
        """Raises ValueError unless every registered custom_id has exactly one handler."""
        pairs = [pair for some in handlers for pair in some.items()]
        self._handlers = dict(pairs)
        wrong = {press.prefix for press in {*PRESSES.values()} ^ set(self._handlers)}
        if wrong or len(pairs) != len(self._handlers):
            raise ValueError(f"custom_ids without exactly one handler: {', '.join(sorted(wrong)) or 'one has two'}")

    async def take(self, interaction: Interaction) -> None:
        """Carry out a press. What nobody understands is answered with one sentence for the person alone."""
        read = parse(custom_id(interaction))
        if read.press is None or read.values is None:
            await _refused(interaction, advice(read))
            return
        try:
            await self._handlers[read.press](interaction, read.values)
        except Exception as error:  # whatever a handler did, the person is told something
            _log.error("a press failed outside its work", press=read.press.prefix, exc_info=error)
            if not interaction.response.is_done():
                await _refused(interaction, advice(read))


async def _refused(interaction: Interaction, sentence: str) -> None:
    async def work() -> str:
        raise Rejected(sentence)

    await answer(interaction, work)


def custom_id(interaction: Interaction) -> str:
    """The custom_id that was pressed."""
    data: Any = interaction.data or {}
    return str(data.get("custom_id") or "")


def chosen(interaction: Interaction) -> list[str]:
    """What was chosen in a select."""
    data: Any = interaction.data or {}
    return [str(value) for value in data.get("values") or []]


def submitted(interaction: Interaction) -> dict[str, str]:
    """custom_id to text of a submitted form."""
    data: Any = interaction.data or {}
    items = [item for row in data.get("components", []) for item in row.get("components", [])]
    return {str(item.get("custom_id")): str(item.get("value") or "") for item in items}
