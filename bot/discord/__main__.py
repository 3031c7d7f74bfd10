"""The Discord bot: `python -m bot.discord`. Without DISCORD_TOKEN it says that Discord is off and waits, without loading any of it."""

import asyncio

from engine import config, process


async def main(stop: asyncio.Event) -> None:
    """Run until `stop` is set."""
    settings = config.settings()
    if settings.discord_token is None or not (token := settings.discord_token.get_secret_value().strip()):
        process.ready("Discord is off: no DISCORD_TOKEN")
        await stop.wait()
        return
    from bot.discord.service import serve  # loads nextcord, which an idle bot can do without

    await serve(settings, token, stop)


if __name__ == "__main__":
    process.run(main, service="bot")
