"""Shows the answers of the playground by the same rules as on Discord, as messages that only exist here."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from bot.console.state import VENUE, Console
from bot.delivery.adopt import Found
from bot.delivery.queue import Queues
from bot.delivery.venue import Place, Speaker, Upload
from engine import ids, log
from engine.bus import consumer, subjects
from engine.bus.consumer import TRANSIENT

SWEEP_SECONDS = 5.0
_log = log.get("console")


@dataclass(slots=True)
class Page:
    """The venue playground: a message exists when the log says that it does, so there is nothing to send, to lose or to find."""

    snowflakes: ids.Snowflakes
    name: Literal["playground"] = VENUE
    remote: bool = False

    def cut(self, text: str, speaker: Speaker, place: Place) -> tuple[str, ...]:
        """One message, however long."""
        return (text,) if text.strip() else ()

    async def voice(self, place: Place) -> int | None:
        return None

    async def send(self, place: Place, speaker: Speaker, text: str, nonce: UUID, index: int) -> tuple[int, int | None]:
        return self.snowflakes.next(), None

    async def send_file(self, place: Place, speaker: Speaker, file: Upload, nonce: UUID, index: int) -> tuple[int, int | None]:
        return self.snowflakes.next(), None

    async def edit(self, place: Place, message_id: int, text: str, webhook_id: int | None) -> None:
        return None

    async def delete(self, place: Place, message_id: int, webhook_id: int | None) -> None:
        return None

    async def find(self, place: Place, after: int) -> Sequence[Found]:
        return ()

    async def tell(self, place: Place, user_id: int, text: str, nonce: UUID, *, here: bool) -> None:
        return None  # the page shows an answer's end itself


async def run(console: Console) -> None:
    """Deliver as the bus says so, and look for what it did not say. For ever."""
    queues = Queues(console.log, Page(console.snowflakes))
    sweeping = asyncio.create_task(sweep(queues), name="playground sweep")
    try:
        await _listen(console, queues)
    finally:
        sweeping.cancel()
        await asyncio.gather(sweeping, return_exceptions=True)
        await queues.close()


async def _listen(console: Console, queues: Queues) -> None:
    url = console.settings.nats_url
    if url is None:
        _log.warning("no NATS_URL: replies in the playground appear by looking for them")
        await asyncio.Event().wait()
        return
    async with consumer.consume(url, console.log, subjects.PLAYGROUND, queues.handle, concurrency=4, drain_seconds=3.0):
        await asyncio.Event().wait()


async def sweep(queues: Queues) -> None:
    """Deliver what is due, now and every few seconds. For ever."""
    while True:
        try:
            await queues.sweep()
        except TRANSIENT as error:
            _log.warning("could not look for undelivered replies", error=type(error).__name__)
        await asyncio.sleep(SWEEP_SECONDS)
