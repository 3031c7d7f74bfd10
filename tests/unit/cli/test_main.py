"""The command line as a whole: complete, explained, readable by programs, and plain when something fails."""

import json
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from bot.cli import index, main
from engine.backup import BackupError, manifest_of
from engine.errors import SettingsError, StoreUnavailable

LASTING = {"worker", "projections", "console", "bot", "standin-provider", "discord-standin"}
"""Commands that run until stopped: what they say is their log, which has LOG_FORMAT=json."""


def _commands(group: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    found: list[tuple[tuple[str, ...], Any]] = []
    for name, command in group.commands.items():
        found += _commands(command, (*path, name)) if hasattr(command, "commands") else [((*path, name), command)]
    return found


ALL = _commands(typer.main.get_command(main.build()))


@pytest.mark.parametrize(("path", "command"), ALL, ids=[" ".join(path) for path, _ in ALL])
def test_every_command_says_what_it_does_and_speaks_json(path: tuple[str, ...], command: Any) -> None:
    """--help from its docstring; --json unless it runs until stopped."""
    assert command.help
    options = {option for parameter in command.params for option in parameter.opts}
    assert "--json" in options or path[-1] in LASTING
    for parameter in command.params:
        assert parameter.help, f"{parameter.name} is not explained"


def test_a_package_that_is_absent_is_left_out_and_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """An installation without the tests has no bench, and says so."""
    monkeypatch.setattr(index, "installed", lambda package: package != "tests.bench")
    monkeypatch.setattr(sys, "argv", ["tzurot", "--help"])
    with pytest.raises(SystemExit):
        main.main()
    listed, _, said = capsys.readouterr().out.partition("Left out")
    assert "tests.bench" in said
    assert "Benchmarks" not in listed
    assert "doctor" in listed


def test_the_index_names_every_command_as_its_room_registers_it() -> None:
    """After a command was added or its first sentence changed: `python -m bot.cli.index`."""
    assert index.FILE.read_text() == index.text(index.made(main.build()))


def test_the_page_of_help_loads_no_room() -> None:
    """Whoever looks for a command does not wait for event types, servers and models to be imported."""
    code = """
import sys
from bot.cli.main import main
sys.argv = ["tzurot", "--help"]
try: main()
except SystemExit: print({"pydantic", "psycopg", "structlog", "engine.events", "worker.commands"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert "rotate-key" in done.stdout
    assert done.stdout.splitlines()[-1] == "set()"


def test_a_command_that_the_index_does_not_know_is_found(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """By loading everything: a file that is out of date hides nothing."""
    monkeypatch.setattr(index, "rows", list)
    monkeypatch.setattr(sys, "argv", ["tzurot", "alive", "--help"])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 0
    assert "health checks" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["alive", "worker", "--nope"], ["lgo"], ["alive"]])
def test_a_wrong_word_is_an_object_for_a_program(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not a box, and not a trace."""
    monkeypatch.setattr(sys, "argv", ["tzurot", *words, "--json"])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 2
    assert set(json.loads(capsys.readouterr().out)) == {"error"}


def test_a_package_that_is_broken_is_not_taken_for_absent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A missing import inside of it is a fault to be seen."""
    (tmp_path / "broken_room.py").write_text("import not_there_at_all\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="not_there_at_all"):
        main._add(typer.Typer(), EntryPoint("x", "broken_room:register", main.GROUP))


@pytest.mark.parametrize(("error", "code"), [(SettingsError("Set THAT."), 78), (StoreUnavailable("Postgres does not answer."), 1)])
@pytest.mark.parametrize("as_json", [False, True])
def test_an_error_is_one_sentence_and_an_exit_code(
    error: Exception, code: int, as_json: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Out of a task group too; on standard error for a person, as JSON on standard output for a program."""
    app = typer.Typer()

    def fails(json: bool = False) -> None:
        raise ExceptionGroup("tasks", [error])

    app.command()(fails)
    monkeypatch.setattr(main, "front", lambda: app)
    monkeypatch.setattr(sys, "argv", ["tzurot", *(["--json"] if as_json else [])])
    with pytest.raises(SystemExit) as ended:
        main.main()
    out, err = capsys.readouterr()
    assert ended.value.code == code
    if as_json:
        assert json.loads(out) == {"error": str(error)}
    else:
        assert (out, err) == ("", f"Error: {error}\n")


@pytest.mark.parametrize("file", ["no/such/file", "x" * 5_000, "\x1b[31m", "²٣", "a\nb", "/dev/null/x"])
@pytest.mark.parametrize("command", [("settings", "--write"), ("settings", "--check"), ("import",)], ids=" ".join)
def test_a_file_that_cannot_be_used_is_one_sentence(
    command: tuple[str, ...], file: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever its name; nothing of it reaches the terminal as more than words."""
    monkeypatch.setattr(sys, "argv", ["tzurot", *command, file])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert "\x1b" not in said
    assert len(said) < 1_000


def test_a_backup_without_a_name_is_refused() -> None:
    """An empty argument, as a script with an unset variable gives it."""
    with pytest.raises(BackupError, match="needs the name of its file"):
        manifest_of(Path(""))  # noqa: PTH201 - as an empty argument becomes one


@pytest.mark.parametrize("effort", ["", "x" * 500, "\x1b[31m", "High"])
def test_an_effort_that_is_none_is_a_wrong_option(effort: str) -> None:
    """It ends before anything is asked, with the words it may be."""
    ran = CliRunner().invoke(main.build(), ["model", "show", "a/b", "--effort", effort])
    assert ran.exit_code == 2
    assert "minimal" in ran.output
    assert "\x1b[31m" not in ran.output


@pytest.mark.parametrize("number", ["-1", str(2**63), "9" * 5_000])
def test_an_id_that_cannot_be_is_a_wrong_option(number: str) -> None:
    """Before a database is looked for."""
    for line in (
        ["memory", "remember", "--channel", number, "--", "1", "x"],
        ["memory", "remember", "--guild", number, "--", "1", "x"],
        ["memory", "remember", "--", number, "x"],
        ["memory", "list", "--person", number],
        ["undo", "--by", number],
    ):
        assert CliRunner().invoke(main.build(), line).exit_code == 2, line
