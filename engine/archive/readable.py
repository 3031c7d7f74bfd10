"""What a person said and was answered, made readable: one text in Markdown for each channel. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


@dataclass(slots=True)
class _Said:
    """Something said. `versions` are all texts it had, the last one last."""

    who: str
    at: datetime
    versions: list[str]
    gone: bool = False


@dataclass(slots=True)
class Conversations:
    """Collects events in their order, and shows them by channel. `names` are characters by their ids."""

    names: Mapping[str, str]
    _channels: dict[int, dict[tuple[object, ...], _Said]] = field(default_factory=dict)

    def add(self, type_: str, at: datetime, fields: Mapping[str, Any]) -> None:
        """One event of a person's archive: its clear and its opened fields."""
        said = self._channels.setdefault(int(fields.get("channel_id") or 0), {})
        message, character = fields.get("message_id"), str(fields.get("character_id"))
        match type_:
            case "message.received":
                files = "".join(f"\n[{one.get('kind', 'file')}: {one.get('name', '')}]" for one in fields.get("attachments", ()))
                said[message,] = _Said(str(fields.get("author_name") or "You"), at, [str(fields.get("text", "")) + files])
            case "message.edited" if (message,) in said:
                said[message,].versions.append(str(fields.get("text", "")))
            case "message.deleted" if (message,) in said:
                said[message,].gone = True
            case "turn.completed" | "reply.edited":
                reply = said.setdefault((message, character), _Said(self.names.get(character, "A character"), at, []))
                reply.versions.append(str(fields.get("text", "")))
            case "reply.deleted" if (message, character) in said:
                said[message, character].gone = True
            case _:
                pass

    def texts(self) -> Iterator[tuple[int, str, int]]:
        """Each channel's id, its text, and how many things were said there."""
        for channel, said in sorted(self._channels.items()):
            if said:
                parts = [f"# Conversation {channel}", *map(_shown, said.values())]
                yield channel, "\n\n".join(parts) + "\n", len(said)


def _shown(one: _Said) -> str:
    *before, last = one.versions or [""]
    head = f"**{_plain(one.who)}** {one.at.astimezone(UTC):%Y-%m-%d %H:%M UTC}{' (deleted)' if one.gone else ''}"
    earlier = "".join(f"\n\n> Before: {_quoted(text)}" for text in before)
    return f"{head}\n\n{last}{earlier}"


def _quoted(text: str) -> str:
    return text.replace("\n", "\n> ")


def _plain(name: str) -> str:
    return " ".join(name.translate(str.maketrans("", "", "*_`#[]<>\\")).split()) or "Somebody"
