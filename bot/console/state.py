"""What every page needs, built once per process and passed down."""

import asyncio
import os
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from nats.js import JetStreamContext
from starlette.requests import Request

from bot.characters import Characters
from bot.console.feed import Feed
from bot.console.sessions import Signer
from engine import ids, process
from engine.bus import broker
from engine.config import Settings
from engine.events.provider import ProviderConnected
from engine.store import Log
from projections import provider

OPERATOR = 1
"""User id of whoever sits at the console. Snowflakes of people are never this small."""
VENUE: Final = "playground"


class Bus:
    """One lasting connection to NATS, to ask consumers how far they are. `stream` is None until it stands."""

    def __init__(self) -> None:
        self.stream: JetStreamContext | None = None

    async def run(self, url: str) -> None:
        """Hold the connection. For ever."""
        async with broker.connected(url, "console") as self.stream:
            await asyncio.Event().wait()


@dataclass(slots=True)
class Models:
    """Which models can be asked: `standin` names what answers while the settings name no provider, `connected` what was connected since."""

    standin: str = field(default_factory=lambda: os.environ.get(process.STANDIN_ON, ""))
    connected: ProviderConnected | None = None

    @property
    def missing(self) -> bool:
        """Whether nothing answers but the stand-in or a toy model."""
        return bool(self.standin) and self.connected is None

    @property
    def toy(self) -> str:
        """The small model that answers instead of the stand-in, if one does."""
        return "" if self.standin == process.NO_MODEL else self.standin


@dataclass(frozen=True)
class Console:
    """The open console. `signer` is None without a password; `ended` are the sessions that were logged out, and until when they were."""

    settings: Settings
    log: Log
    signer: Signer | None
    ended: dict[str, float] = field(default_factory=dict)
    feed: Feed = field(default_factory=Feed)
    bus: Bus = field(default_factory=Bus)
    snowflakes: ids.Snowflakes = field(default_factory=ids.Snowflakes)
    models: Models = field(default_factory=Models)

    async def look_at_models(self) -> None:
        """Read again which provider is connected."""
        self.models.connected = await provider.connected(self.log)

    @cached_property
    def characters(self) -> Characters:
        """Every character, in memory."""
        return Characters(self.log)


def console_of(request: Request) -> Console:
    """The console this request came to."""
    console: Console = request.app.state.console
    return console
