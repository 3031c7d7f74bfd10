"""Read the gateway's frames ourselves: nextcord ends the connection over one that its JSON reader does not take, for everybody."""

import json
from typing import Any

import orjson
from nextcord.gateway import DiscordWebSocket

from bot.discord.payload import clean
from engine import log

NUL = "\\u0000"
_log = log.get("discord.frames")


class Socket(DiscordWebSocket):
    """A connection that outlives any single dispatch. `unread` counts those that nobody could read."""

    unread = 0

    async def received_message(self, msg: str | bytes, /) -> None:
        """Hand on what can be read. What is compressed and whole, or half, is nextcord's to put together."""
        text = self._whole(msg) if isinstance(msg, bytes) else msg
        if text is None:
            return
        if (frame := readable(text)) is None:
            self.unread += 1
            _log.error("a frame of the gateway could not be read", length=len(text), count=self.unread)
            return
        await super().received_message(frame)

    def _whole(self, part: bytes) -> str | None:
        """The text of a frame, once its last part is here."""
        self._buffer.extend(part)
        if not part.endswith(b"\x00\x00\xff\xff"):
            return None
        whole, self._buffer = self._zlib.decompress(self._buffer), bytearray()
        return str(whole.decode("utf-8", "replace"))


def readable(text: str) -> str | None:
    """A frame as nextcord can read it; None when it is not to be saved. Pure.

    NUL, halves of pairs, numbers without an end, NaN and raw controls within strings are mended; what is no frame at all is not.
    """
    try:
        frame, mended = (None, text) if NUL in text else (orjson.loads(text), text)
    except orjson.JSONDecodeError:
        frame = None
    if frame is None:
        try:
            frame = _plain(json.loads(text, strict=False, parse_int=_whole_number, parse_constant=lambda _: None))
            mended = orjson.dumps(frame).decode()
        except (ValueError, TypeError, RecursionError):
            return None
    if not isinstance(frame, dict) or type(frame.get("op")) is not int:
        return None
    needed = _needed(frame)
    return mended if needed.items() <= frame.items() else orjson.dumps(frame | needed).decode()


def _needed(frame: dict[str, Any]) -> dict[str, Any]:
    """What nextcord takes for granted before anything is guarded, as it must be. READY must be whole: without it there is no session."""
    number, kind, data = (frame.get(name) for name in ("s", "t", "d"))
    needed = {"s": number if type(number) is int else None, "t": kind if isinstance(kind, str) else None, "d": data}
    if kind in ("READY", "RESUMED"):
        needed["d"] = data | {"_trace": []} if isinstance(data, dict) else {}
    return needed


def _whole_number(digits: str) -> int | None:
    return int(digits) if len(digits) < 20 else None


def _plain(value: Any) -> Any:
    """The value without halves of pairs in its strings."""
    match value:
        case dict():
            return {clean(name): _plain(inner) for name, inner in value.items()}
        case list():
            return [_plain(inner) for inner in value]
        case str():
            return clean(value)
        case float() if value != value or value in (float("inf"), float("-inf")):
            return None
        case _:
            return value
