"""A stand-in Discord that earns trust: a real nextcord connects to it, and Discord's own OpenAPI judges every exchange."""

from tests.support.discord.core import Interaction
from tests.support.discord.faults import Fault
from tests.support.discord.server import TOKEN, StandinDiscord

__all__ = ["TOKEN", "Fault", "Interaction", "StandinDiscord"]
