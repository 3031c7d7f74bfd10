"""What every handler shares: the world, the gateway, the recorder, faults and limits, and waiting for something to happen."""

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.support.discord.errors import Json
from tests.support.discord.faults import Fault, Limits
from tests.support.discord.gateway import Gateway
from tests.support.discord.recorder import Recorder
from tests.support.discord.world import World

PATIENCE = float(os.environ.get("TZUROT_TEST_PATIENCE", "1"))
"""How many times as long as Discord this one waits for an answer: beside a whole suite three seconds tell of the machine."""
ANSWER_WITHIN, TOKEN_LIVES = 3.0 * PATIENCE, 900.0


@dataclass
class Interaction:
    """One interaction and all the bot did with it.

    `callback` is the first answer's type (4 message, 5 deferred, 6/7 update of the message pressed, 8 choices, 9 modal), `messages` the
    replies in order.
    """

    id: str
    token: str
    payload: Json
    channel_id: str
    user_id: str
    source: Json | None = None
    at: float = field(default_factory=time.monotonic)
    callback: int | None = None
    updated: bool = False
    answered_after: float | None = None
    ephemeral: bool = False
    messages: list[Json] = field(default_factory=list)
    choices: list[Json] | None = None
    modal: Json | None = None

    @property
    def text(self) -> str:
        """Content of the newest message of the answer, or empty."""
        return str(self.messages[-1]["content"]) if self.messages else ""

    @property
    def components(self) -> list[Json]:
        """Buttons, selects and options of the message that the user sees now: the newest of the answer, or the one that was pressed."""
        message = self.messages[-1] if self.messages else self.source or {}
        return [item for row in message.get("components") or [] for item in row["components"]]

    @property
    def done(self) -> bool:
        """Whether the user sees a final answer (a deferral alone is not one)."""
        return (
            bool(self.messages)
            or self.choices is not None
            or self.modal is not None
            or (self.source is not None and (self.callback == 7 or self.updated))
        )

    def plain(self) -> Json:
        """For the control API."""
        names = ("id", "callback", "answered_after", "ephemeral", "messages", "choices", "modal", "text", "done")
        return {name: getattr(self, name) for name in names}


class Core:
    """The stand-in without its sockets."""

    def __init__(self, token: str) -> None:
        self.world = World(token)
        self.recorder = Recorder()
        self.gateway = Gateway(self.world, self.recorder)
        self.faults: list[Fault] = []
        self.limits = Limits()
        self.interactions: dict[str, Interaction] = {}
        self._changed = asyncio.Event()

    def now(self) -> str:
        """ISO time for edited_timestamp."""
        return datetime.now(UTC).isoformat(timespec="microseconds")

    def notify(self) -> None:
        """Wake whoever waits in `wait_for`."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait_for[T](self, found: Callable[[], T | None], timeout: float = 60.0, what: str = "") -> T:
        """Poll `found` on every change until it answers something truthy; AssertionError with `what` at the deadline."""
        deadline = time.monotonic() + timeout
        while not (result := found()):
            left = deadline - time.monotonic()
            if left <= 0:
                raise AssertionError(f"nothing within {timeout} s: {what or found}")
            changed = self._changed
            try:
                await asyncio.wait_for(changed.wait(), min(left, 0.05))
            except TimeoutError:
                continue
        return result
