"""How the bot can show itself on Discord (F9)."""

from typing import Literal

PRESENCE = "presence:system"
"""The stream of what is set."""
Status = Literal["online", "idle", "dnd", "invisible"]
Activity = Literal["custom", "playing", "listening", "watching", "competing"]
