"""What every command on Discord works with, and who gives it."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from bot.discord.answers import Interaction
from bot.discord.roster import Roster
from engine import ids
from engine.actor import Actor
from engine.config import Settings
from engine.store import Log


@dataclass(slots=True)
class Context:
    """Built once and passed down. `begun` is called with a channel and the turns that a command has begun there."""

    log: Log
    roster: Roster
    settings: Settings
    begun: Callable[[int, list[UUID]], None] = lambda channel, turns: None

    def actor(self, interaction: Interaction) -> Actor:
        """Whoever typed or pressed, with Discord's permissions in that channel."""
        permissions = frozenset(name for name, held in interaction.permissions if held)
        user = user_id(interaction)
        owner = user in self.settings.owner_ids
        return Actor("person", user, owner, permissions, interaction.channel_id, interaction.guild_id)


def user_id(interaction: Interaction) -> int:
    """Who typed or pressed."""
    return interaction.user.id if interaction.user else 0


def key_of(interaction_id: int) -> UUID:
    """The key of the command that an interaction gives: a repeat of it changes nothing."""
    return ids.derived("discord interaction", interaction_id)
