"""What the Discord face adds to the command line."""

import typer

from engine import process


def register(app: typer.Typer) -> None:
    """Add this face's command."""
    app.command("bot")(run_bot)


def run_bot() -> None:
    """Connect to Discord and serve until stopped. `tzurot run` starts one of these by itself.

    Needs DISCORD_TOKEN, DATABASE_URL and NATS_URL; without a token it says that Discord is off, and waits.
    """
    from bot.discord.__main__ import main

    process.run(main, service="bot")
