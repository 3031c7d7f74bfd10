"""The command `tzurot`: finds the command that is meant and turns our errors into one sentence and an exit code."""

import errno
import sys
from importlib.metadata import EntryPoint, entry_points
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from bot.cli import index
from engine.errors import SettingsError, TzurotError

GROUP = index.GROUP
_ABOUT = "Tzurot: people and AI characters talk on Discord or in the console; every reply can be explained, replayed and rebuilt."


class Commands(TyperGroup):
    """Shows what the index says, and loads the one command that is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The real command. Whoever only asks for help never comes here."""
        from engine import log

        log.configure("tzurot", "warning")
        row = next((row for row in index.rows() if row.name == args[0]), None)
        whole: Any = typer.main.get_group(build() if row is None else only(row))
        return whole.resolve_command(ctx, args)


def front() -> typer.Typer:
    """The command line as it is shown: names and first sentences, nothing loaded."""
    app = _empty(Commands)
    absent = dict[str, None]()
    for row in index.rows():
        if any(index.installed(index.room(target)) for target in row.load):
            app.command(row.name, help=row.help)(lambda: None)
        else:
            absent |= dict.fromkeys(map(index.room, row.load))
    return _named(app, list(absent))


def only(row: index.Listed) -> typer.Typer:
    """The command line with one command."""
    app = _named(_empty(), [])
    index.load(row, app)
    return app


def build() -> typer.Typer:
    """The whole command line. Packages that are not installed (the tests' own) are left out and named in the help."""
    app = _empty()
    entries = sorted(entry_points(group=GROUP))
    return _named(app, [entry.name for entry in entries if not _add(app, entry)])


def _empty(kind: type[TyperGroup] = TyperGroup) -> typer.Typer:
    return typer.Typer(cls=kind, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False, rich_markup_mode="rich")


def _named(app: typer.Typer, absent: list[str]) -> typer.Typer:
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
    try:
        app = front()
        code = _for_programs(app) if as_json else app()  # the latter ends by SystemExit; wrong options and Ctrl-C are answered in there
    except BrokenPipeError:
        code = 141
    except (TzurotError, BaseExceptionGroup) as error:
        code = _failed(error, as_json)
    except OSError as error:
        code = _failed(_of_file(error), as_json)
    except UnicodeEncodeError:
        if not any("\ud800" <= one <= "\udfff" for word in sys.argv for one in word):
            raise
        code = _failed(
            SettingsError("What was typed holds bytes that are no text (UTF-8). Type it again, or write it into a file."), as_json
        )
    except Exception as error:  # the classes of the database are imported only where it was asked
        code = _failed(_of_database(error), as_json)
    sys.exit(code)


def _for_programs(app: typer.Typer) -> int:
    """Run with --json: a wrong option is an object too, not a box. Returns the exit code."""
    try:
        code = typer.main.get_command(app).main(standalone_mode=False)
    except typer.TyperException as error:
        from bot.cli import output

        output.error(error.format_message(), json=True)
        return error.exit_code
    except typer.Abort:
        return 130
    return code if isinstance(code, int) else 0


def _of_file(error: OSError) -> TzurotError:
    """A sentence for a file that was named and cannot be used. Raises the error itself where none is named: it is a fault of ours."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return TzurotError("There is no room on the disk that is written to. Free some, then do it again.")
    if not isinstance(error.filename, str) or error.strerror is None:
        raise error
    return TzurotError(f"{error.filename[:200]} cannot be used: {error.strerror.lower()}.")


def _of_database(error: Exception) -> TzurotError:
    """A sentence for a database that went away or found no room in the middle. Raises any other error itself: it is a fault of ours."""
    if "psycopg" not in sys.modules:  # nothing asked it
        raise error
    from engine.store import connect
    from engine.store.room import NO_ROOM

    if isinstance(error, NO_ROOM):
        return TzurotError("There is no room on the disk of the database, so nothing was stored. Free some, then do it again.")
    if isinstance(error, connect.AWAY):
        return TzurotError("The database went away before this was done. When `tzurot doctor` finds it again, do it once more.")
    raise error


def _failed(error: TzurotError | BaseExceptionGroup, as_json: bool) -> int:
    from bot.cli import output
    from engine import process

    found = process.cause(error)
    if not isinstance(found, TzurotError):
        raise error
    output.error(str(found), json=as_json)
    return process.exit_code(found)


if __name__ == "__main__":
    main()
