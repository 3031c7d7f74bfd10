"""`tzurot run`, `setup`, `doctor`, `alive`: start it, prepare it, look at it. They load what they need when they are called."""

import os
import sys
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from bot.cli import output
from engine import config


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (run, setup, doctor, alive):
        app.command()(command)


def run(
    json: output.Json = False,
    open_: Annotated[
        bool | None,
        typer.Option("--open/--no-open", help="Open the console in a browser. Default: on a desktop.", show_default=False),
    ] = None,
    logs: Annotated[bool, typer.Option("--logs", help="Show the log lines of all parts here instead of in the data folder.")] = False,
    data: Annotated[Path | None, typer.Option(help="Data folder, instead of TZUROT_DATA.", show_default=False)] = None,
) -> None:
    """Start everything and keep it running until Ctrl-C.

    Postgres and NATS come along unless DATABASE_URL and NATS_URL name others. Prints a line as each part becomes ready, then
    the console's address. Parts that die are started again. With --json each line is an object with `event`, `part`, `seconds`,
    `detail`, `address` and `pid`.
    """
    from bot.cli.supervisor import System, run_system
    from bot.cli.supervisor.report import Report

    settings = settings_of(data)
    system = System(settings, Report(as_json=json), logs=None if logs else settings.tzurot_data / "logs")
    wanted = _has_desktop() if open_ is None else open_
    raise typer.Exit(run_system(system, lambda address: webbrowser.open(address) if address and wanted else None))


def setup(json: output.Json = False, data: Annotated[Path | None, typer.Option(help="Data folder.", show_default=False)] = None) -> None:
    """Prepare the data folder: create the database, apply the migrations, and stop again."""
    import asyncio

    from bot.cli.checks import prepare

    settings = settings_of(data)
    applied = asyncio.run(prepare(settings))
    if json:
        output.as_json({"data": str(settings.tzurot_data), "migrations": applied})
    else:
        output.echo(f"{settings.tzurot_data} is ready ({len(applied)} migrations applied now). Start with: tzurot run")


def doctor(json: output.Json = False, data: Annotated[Path | None, typer.Option(help="Data folder.", show_default=False)] = None) -> None:
    """Check what Tzurot needs, changing nothing. Exit code 1 when something must be corrected."""
    from bot.cli.checks import examine

    found = examine(data)
    if json:
        output.as_json([{"check": each.name, "ok": each.ok, "detail": each.detail} for each in found])
    else:
        output.table(("", "check", "found"), [("✓" if each.ok else "✗", each.name, each.detail) for each in found])
    raise typer.Exit(0 if all(each.ok for each in found) else 1)


def alive(process: Annotated[str, typer.Argument(help="projections, worker, console or bot")], json: output.Json = False) -> None:
    """Tell whether a process of this machine is alive: exit code 0 if it said so within 15 seconds, else 1. For health checks."""
    import asyncio

    from bot.cli.checks import last_beat

    age = asyncio.run(last_beat(config.settings(), process))
    if json:
        output.as_json({"process": process, "alive": age is not None, "age_s": age})
    else:
        output.echo(f"{process} said so {age:.1f} s ago." if age is not None else f"{process} is not alive here.")
    raise typer.Exit(0 if age is not None else 1)


def settings_of(data: Path | None) -> config.Settings:
    """Load the settings, with another data folder where one is named."""
    if data is not None:
        os.environ["TZUROT_DATA"] = str(data)
    return config.settings()


def _has_desktop() -> bool:
    if not sys.stdout.isatty() or "SSH_CONNECTION" in os.environ:
        return False
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
