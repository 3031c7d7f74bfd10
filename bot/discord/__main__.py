"""The Discord bot: `python -m bot.discord`. Without DISCORD_TOKEN it says that Discord is off and waits, without loading any of it."""

import asyncio
from contextlib import suppress

from engine import config, process
from engine.config import Settings

SETTLED_SECONDS = 5.0
"""An idle bot loads what its heartbeat needs only after this: while the others start, the processors are theirs."""


async def main(stop: asyncio.Event) -> None:
    """Run until `stop` is set."""
    settings = config.settings()
    if settings.discord_token is None or not (token := settings.discord_token.get_secret_value().strip()):
        await _idle(settings, stop)
        return
    from bot.discord.service import serve  # loads nextcord, which an idle bot can do without

    await serve(settings, token, stop)


async def _idle(settings: Settings, stop: asyncio.Event) -> None:
    """Do nothing but say so, so that health can tell a bot that is off from one that is dead."""
    dsn = config.require_database(settings)
    process.ready("Discord is off: no DISCORD_TOKEN")
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), SETTLED_SECONDS)
    if stop.is_set():
        return
    from engine.store import connect
    from projections.live import heartbeats

    async with connect.pool(dsn, size=1, application="tzurot bot") as pool:
        beating = asyncio.create_task(process.beat(lambda: heartbeats.beat(pool, "bot", {"discord": "off"})))
        await stop.wait()
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)


if __name__ == "__main__":
    process.run(main, service="bot")
