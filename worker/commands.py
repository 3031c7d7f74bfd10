"""What the worker's room adds to the command line."""

import os
from typing import Annotated

import typer

from engine import process


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.command("worker")(run_worker)
    app.command("standin-provider")(run_standin)


def run_worker() -> None:
    """Take up turns and generate replies until stopped. `tzurot run` starts one of these by itself."""
    from worker.__main__ import main

    process.run(main, service="worker")


def run_standin(port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes any free one.")] = 8421) -> None:
    """Run the local stand-in provider: OpenAI-compatible HTTP that says what it is. Use its address as PROVIDER_BASE_URL."""
    from worker import standin

    os.environ["STANDIN_PORT"] = str(port)
    typer.echo("Press Ctrl-C to stop.", err=True)
    process.run(standin.main, service="standin-provider")
