"""What the Discord face adds to the command line."""

import typer

from engine import process
from engine.config import Settings
from engine.outside.checks import BROUGHT, Finding


def register(app: typer.Typer) -> None:
    """Add this face's command, and what `tzurot doctor` asks Discord."""
    app.command("bot")(run_bot)
    BROUGHT["discord"] = _try_token


def _try_token(settings: Settings) -> list[Finding]:
    from bot.discord.tried import look

    return look(settings) if settings.discord_token else []


def run_bot() -> None:
    """Connect to Discord and serve until stopped. `tzurot run` starts one of these by itself.

    Needs DISCORD_TOKEN, DATABASE_URL and NATS_URL; without a token it says that Discord is off, and waits.
    """
    from bot.discord.__main__ import main

    process.run(main, service="bot")
