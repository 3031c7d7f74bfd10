"""Whatever is typed at the command line: every argument and every option of every command, with what programs break on."""

import asyncio
import io
import os
import re
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from enum import Enum
from itertools import count
from pathlib import Path
from typing import Any, Literal, NoReturn, get_args, get_origin
from uuid import UUID

import pytest
import typer

from bot.cli import main
from engine import access, config, log, process
from engine.config import Settings
from engine.errors import StoreUnavailable, TzurotError
from projections.live import heartbeats
from tests.support import poison
from tests.support.site import site

KEPT = ("NUL", "1 MB")
"""No argument of a process can hold the one, and none is as long as the other."""
MORE = {"empty": "", "minus": "-1", "lines": "a\nb", "long": "x" * 9_000}
TEXTS = {name: text for name, text in poison.TEXTS.items() if name not in KEPT} | MORE
EACH = len(TEXTS) if os.environ.get("TZUROT_FULL") == "1" else 1
"""Of these that each place is given: others each time."""
LASTING = {"run", "bot", "worker", "console", "projections", "standin-provider", "discord-standin", "smoke", "bench", "chaos"}
"""What runs until stopped, or starts whole systems."""
GOOD = {int: "1", float: "1", UUID: "00000000-0000-0000-0000-000000000001"}
UNSEEN = re.compile("[\x1b\x9b\x07\u202e\u2066\U000e0000-\U000e007f]")
type Line = tuple[str, list[str]]


def test_every_argument_of_every_command_takes_everything(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One plain sentence and an exit code, or the answer; never a traceback, and nothing that a terminal acts on.

    As far as a command comes without a database; TZUROT_FULL=1 types everything everywhere.
    """
    here(monkeypatch, tmp_path, Settings(tzurot_data=tmp_path / "data", database_url="postgresql://u:p@127.0.0.1:9/x"))
    monkeypatch.setattr(access, "database", nobody)
    root = typer.main.get_command(main.build())
    assert {what: said for what, line in lines(root) if (said := typed(root, line))} == {}


if EACH > 1:  # every command on a database takes minutes

    @pytest.mark.timeout(3_600)
    async def test_every_argument_of_every_command_takes_everything_on_a_database(
        settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """Nor does any of them go on without an end."""
        here(monkeypatch, tmp_path, settings)
        wrong = dict[str, str]()
        async with site(settings) as opened:
            await heartbeats.beat(opened.console.log.pool, "projections")
            root = typer.main.get_command(main.build())
            for what, line in lines(root):
                if said := await asyncio.wait_for(asyncio.to_thread(typed, root, line), 60):
                    wrong[what] = said
        assert wrong == {}


def here(monkeypatch: pytest.MonkeyPatch, folder: Path, settings: Settings) -> None:
    """What commands find around them, and nothing of the machine's."""
    monkeypatch.setattr(config, "settings", lambda: settings)
    monkeypatch.setenv("TZUROT_DATA", str(settings.tzurot_data))
    monkeypatch.setenv("TZUROT_NO_ENV_FILE", "1")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    monkeypatch.chdir(folder)
    log.configure("tzurot", "warning")


def nobody(*_: object, **__: object) -> NoReturn:
    """The database, which is not there."""
    raise StoreUnavailable("There is no database.")


def lines(root: Any) -> Iterator[Line]:
    """Each place of each command with its texts, the other places filled as the command needs them."""
    number = count()
    for path, command in commands(root):
        arguments = [one for one in command.params if one.param_type_name == "argument"]
        options = [one for one in command.params if one.param_type_name == "option" and not one.is_flag and one.name != "help"]
        for target in (*arguments, *options):
            for name in [list(TEXTS)[next(number) % len(TEXTS)] for _ in range(EACH)]:
                given = {one: good(one) for one in (*arguments, *options) if one.required} | {target: TEXTS[name]}
                words = [word for one in options if one in given for word in (one.opts[0], given[one])]
                yield f"{' '.join(path)} {target.name}: {name}", [*path, *words, "--", *(given[one] for one in arguments if one in given)]


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command there is that ends by itself."""
    if not hasattr(command, "commands"):
        yield path, command
        return
    for name, inner in command.commands.items():
        if path or name not in LASTING:
            yield from commands(inner, (*path, name))


def good(parameter: Any) -> str:
    """A word that a parameter takes."""
    wanted = parameter.type_descriptor.annotation
    if isinstance(wanted, type) and issubclass(wanted, Enum):
        return str(next(iter(wanted)).value)
    return str(next(iter(get_args(wanted)), "x")) if get_origin(wanted) is Literal else GOOD.get(wanted, "x")


def typed(root: Any, line: list[str]) -> str:
    """What is wrong with how a command line ends; empty for nothing."""
    said = io.StringIO()
    ended: BaseException | None = None
    with redirect_stdout(said), redirect_stderr(said):
        try:
            root.main(args=line, prog_name="tzurot")
        except BaseException as error:  # whatever it ends with is what is judged
            ended = error
    return fault(ended, ended.code if isinstance(ended, SystemExit) else 0, said.getvalue())


def fault(error: BaseException | None, code: object, said: str) -> str:
    """What is wrong with how a command ended; empty for nothing."""
    if isinstance(error, OSError) and isinstance(error.filename, str):
        error = TzurotError("as bot.cli.main says it")
    if isinstance(error, BaseExceptionGroup):
        error = process.cause(error)
    if isinstance(error, UnicodeEncodeError):
        error = TzurotError("as bot.cli.main says it, too")
    if error is not None and not isinstance(error, SystemExit | TzurotError):
        return f"{type(error).__name__}: {error}"[:200]
    shown = f"{said}{error if isinstance(error, TzurotError) else ''}"
    if isinstance(error, SystemExit) and code not in (0, 1, 2, 78):
        return f"ended with {code}"
    if len(shown) > 20_000:
        return f"{len(shown):,} characters"
    return f"a terminal acts on it: {shown[:200]!r}" if UNSEEN.search(said) else ""
