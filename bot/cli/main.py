"""The command `tzurot`: collects the commands of every package and turns our errors into one sentence and an exit code."""

import sys
from importlib.metadata import EntryPoint, entry_points
from typing import NoReturn

import click
import typer

from bot.cli import output
from engine import log, process
from engine.errors import TzurotError

GROUP = "tzurot.commands"
_ABOUT = "Tzurot: people and AI characters talk on Discord or in the console; every reply can be explained, replayed and rebuilt."


def build(only: str | None = None) -> typer.Typer:
    """The whole command line. Packages that are not installed (the tests' own) are left out and named in the help.

    `only` names the one entry to load: the command that a person waits for need not load every other.
    """
    app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False, rich_markup_mode="rich")
    entries = sorted(entry for entry in entry_points(group=GROUP) if only in (None, entry.name))
    absent = [entry.name for entry in entries if not _add(app, entry)]
    left_out = f"Left out, because they come with a clone of the repository: {', '.join(absent)}." if absent else None
    app.callback(help=_ABOUT, epilog=left_out)(lambda: None)
    return app


def _add(app: typer.Typer, entry: EntryPoint) -> bool:
    try:
        register = entry.load()
    except ModuleNotFoundError as error:
        # Only the package itself may be absent: a module that it fails to import is a fault to be seen.
        if error.name is None or not f"{entry.module}.".startswith(f"{error.name}."):
            raise
        return False
    register(app)
    return True


def main() -> NoReturn:
    """Entry point of the command line."""
    as_json = "--json" in sys.argv
    log.configure("tzurot", "warning")
    try:
        app = build(only="bot" if sys.argv[1:2] == ["run"] else None)
        code = _for_programs(app) if as_json else app()  # the latter ends by SystemExit; wrong options and Ctrl-C are answered in there
    except BrokenPipeError:
        code = 141
    except (TzurotError, BaseExceptionGroup) as error:
        code = _failed(error, as_json)
    sys.exit(code)


def _for_programs(app: typer.Typer) -> int:
    """Run with --json: a wrong option is an object too, not a box. Returns the exit code."""
    try:
        code = typer.main.get_command(app).main(standalone_mode=False)
    except click.ClickException as error:
        output.error(error.format_message(), json=True)
        return error.exit_code
    except click.Abort:
        return 130
    return code if isinstance(code, int) else 0


def _failed(error: TzurotError | BaseExceptionGroup, as_json: bool) -> int:
    found = process.cause(error)
    if not isinstance(found, TzurotError):
        raise error
    output.error(str(found), json=as_json)
    return process.exit_code(found)


if __name__ == "__main__":
    main()
