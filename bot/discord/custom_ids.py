"""Every custom_id that the bot puts on a button, select or modal. Each has a handler that outlives a restart (incident 33)."""

from enum import StrEnum


class Modals(StrEnum):
    """Forms."""

    CREATE_CHARACTER = "character:create"
