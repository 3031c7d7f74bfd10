"""Who gives a command, and what they may do."""

from dataclasses import dataclass
from typing import Literal

ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True)
class Actor:
    """The giver of a command.

    `user_id` is a Discord id; the operator's own where it is the playground's or the command line's. `owner` says that this person
    owns the bot (OWNER_IDS). `permissions` are Discord's, by its names, in the channel the command was given in: `channel_id` of the
    server `guild_id`.
    """

    kind: Literal["person", "operator", "system"]
    user_id: int
    owner: bool = False
    permissions: frozenset[str] = frozenset()
    channel_id: int | None = None
    guild_id: int | None = None

    @property
    def trusted(self) -> bool:
        """Whether the bot is theirs to run: its owners, the operator, and the program itself."""
        return self.owner or self.kind != "person"

    def may(self, permission: str) -> bool:
        """Whether they hold a permission of Discord's. Administrators hold all, and nobody can take the operator's."""
        return self.kind != "person" or permission in self.permissions or ADMINISTRATOR in self.permissions


def person(user_id: int, *, owner: bool = False, permissions: frozenset[str] = frozenset()) -> Actor:
    """Somebody on Discord."""
    return Actor("person", user_id, owner, permissions)


def operator(user_id: int = 0) -> Actor:
    """Whoever sits at the console or the command line."""
    return Actor("operator", user_id)


SYSTEM = Actor("system", 0)
"""The program itself."""
