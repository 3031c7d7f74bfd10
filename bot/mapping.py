"""What reactions do somewhere, in lines that every face shows alike."""

from dataclasses import dataclass
from uuid import UUID

from engine.resources.kinds import REACTIONS
from engine.resources.reacting.emoji import emojis
from engine.resources.reacting.sheet import ACTS, DEFAULTS, Act, ReactionSheet
from engine.store import Log
from projections.models.reacting import reactions


@dataclass(frozen=True, slots=True)
class Mapped:
    """The emojis of one act as they were written, and whose word it is: the server's, the character's or the default."""

    act: Act
    label: str
    emojis: str
    by: str

    @property
    def line(self) -> str:
        """One line of Discord's markdown."""
        shown = " ".join(f"<:{one}>" if ":" in one and not one.startswith("<") else one for one in self.emojis.split())
        return f"{shown if emojis(self.emojis) else 'nothing'}: {self.label} ({self.by})"


async def mapped(log: Log, guild: int | None, character: UUID | None) -> list[Mapped]:
    """Every act with its emojis, as they hold in a server for a character."""
    async with log.pool.connection() as connection:
        of_guild = await reactions.sheet_of(connection, guild=guild) if guild is not None else None
        of_character = await reactions.sheet_of(connection, character=character) if character is not None else None
    tiers = (("server", of_guild), ("character", of_character), ("default", DEFAULTS))
    return [_said(act, tiers) for act in ACTS]


def _said(act: Act, tiers: tuple[tuple[str, ReactionSheet | None], ...]) -> Mapped:
    by, text = next((name, text) for name, tier in tiers if tier is not None and (text := getattr(tier, act)) is not None)
    spec = REACTIONS.field(act)
    assert spec is not None
    return Mapped(act, spec.shown.label, text, by)
