"""What tells one conversation from others, so that the same file again adds nothing. Pure.

What is told must never change: conversations that came in long ago are known by it. What is read of a file besides goes elsewhere.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from engine.cards import trees
from engine.cards.trees import Tree
from engine.chatlogs.log import ChatLog, LoggedLine


def told(log: ChatLog) -> Iterator[bytes]:
    """Its names and all that was said in it, with every variant and its time, line by line."""
    first = next((line.shown.at for line in log.lines if line.shown.at is not None), None)
    yield _row({"user_name": log.user, "character_name": log.character, "create_date": iso(first), "chat_metadata": {}} | log.head)
    yield from (_row(_line(line)) for line in log.lines)


def _row(tree: Tree) -> bytes:
    return trees.written(tree) + b"\n"


def _line(line: LoggedLine) -> Tree:
    found: Tree = {"name": line.name, "is_user": line.by_user, "is_system": line.system, "send_date": iso(line.shown.at)}
    found |= {"mes": line.shown.text, **({"extra": {}} if "extra" not in line.rest else {}), **line.rest}
    if len(line.variants) > 1:
        found |= {"swipes": [one.text for one in line.variants], "swipe_id": line.chosen}
        found["swipe_info"] = [{"send_date": iso(one.at), "extra": {}} for one in line.variants]
    return found


def iso(at: datetime | None) -> str:
    """A time as SillyTavern writes it; nothing where none is told."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if at is not None else ""
