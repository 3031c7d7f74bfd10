"""How commands name people, servers and channels: by the ids that Discord gives them."""

from engine.outside import numbers
from projections.terminal import NotFound

WHOSE = {"person": "their"}
COPIED_BY = {"channel": "Copy Channel ID", "person": "Copy User ID", "server": "Copy Server ID"}


def number(text: str, what: str) -> int:
    """Read the id of a person, a server or a channel. Raises NotFound, which says where Discord shows it."""
    if not numbers.is_id(text):
        raise NotFound(f"A {what} is named by {WHOSE.get(what, 'its')} id, a number: in Discord's developer mode, {COPIED_BY[what]}.")
    return int(text)
