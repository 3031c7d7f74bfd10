"""What every page needs, built once per process and passed down."""

from dataclasses import dataclass, field
from typing import Final

from starlette.requests import Request

from bot.console.feed import Feed
from bot.console.sessions import Signer
from engine.config import Settings
from engine.ids import Snowflakes
from engine.store import Log

OPERATOR = 1
"""User id of whoever sits at the console. Snowflakes of people are never this small."""
VENUE: Final = "playground"


@dataclass(frozen=True)
class Console:
    """The open console. `signer` is None without a password."""

    settings: Settings
    log: Log
    signer: Signer | None
    feed: Feed = field(default_factory=Feed)
    snowflakes: Snowflakes = field(default_factory=Snowflakes)


def console_of(request: Request) -> Console:
    """The console this request came to."""
    console: Console = request.app.state.console
    return console
