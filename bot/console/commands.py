"""What the console adds to the command line."""

import os
from typing import Annotated

import typer

from engine import process


def register(app: typer.Typer) -> None:
    """Add this room's command."""
    app.command("console")(run_console)


def run_console(
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port, instead of CONSOLE_PORT; 0 takes any free one.", show_default=False)
    ] = None,
) -> None:
    """Serve the console: playground, timeline, turns and health. `tzurot run` starts one of these by itself.

    Needs DATABASE_URL; NATS_URL makes text stream in smoothly. Only this machine can reach it unless CONSOLE_HOST and
    CONSOLE_PASSWORD are set. Ends with 69 when the port is taken.
    """
    from bot.console.__main__ import main

    if port is not None:
        os.environ["CONSOLE_PORT"] = str(port)
    process.run(main, service="console")
