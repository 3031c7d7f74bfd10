"""The commands' words: one verb for one act, arguments in one order, names that people say, and no Python on a terminal."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer

from bot.cli import main, settings_table
from engine import terminal
from engine.errors import SettingsError, StoreError
from projections.commands import _name_and_position
from worker import money
from worker.commands import _ending, _million

ALL: Any = typer.main.get_command(main.build())
GROUPS = {name: command for name, command in ALL.commands.items() if hasattr(command, "commands")}


def test_what_there_is_is_listed_and_one_of_it_is_shown() -> None:
    """No group has a verb of its own for either; `tail` and `search` are other acts."""
    shown = {f"{group} {name}" for group, of in GROUPS.items() for name, command in of.commands.items() if not command.hidden}
    verbs = {words.split()[1] for words in shown}
    assert not verbs & {"browse", "view", "ls", "get", "info", "remove-all"}
    assert {"model list", "model show", "keys list", "usage show", "job list", "dlq list", "read-models list"} <= shown


@pytest.mark.parametrize("former", ["model browse", "model view", "keys browse"])
def test_a_former_name_still_works_and_is_not_shown(former: str) -> None:
    """Scripts go on."""
    group, name = former.split()
    assert GROUPS[group].commands[name].hidden


@pytest.mark.parametrize(("first", "second"), [("history", "12"), ("12", "history")])
def test_a_read_model_and_a_position_are_taken_in_either_order(first: str, second: str) -> None:
    """The name first, as everywhere; the position stood first once."""
    assert _name_and_position(first, second) == ("history", 12)


@pytest.mark.parametrize("position", ["x", "-1", "1.5", "١٢", "9" * 30, "\x00", "\udcff"])
def test_what_is_no_position_is_said_in_a_sentence(position: str) -> None:
    """Not in the words of a parser."""
    with pytest.raises(StoreError, match=r"is no position of the log, which is a number\. Write: tzurot as-of history 1000"):
        _name_and_position("history", position)


def test_usage_is_told_by_what_a_person_calls_it() -> None:
    """`--by person`, `--by payer`, and the columns' names of before."""
    assert set(money.DIMENSIONS) == {"day", "person", "character", "model", "payer"}
    assert (money.DIMENSIONS | money._COLUMNS)["person"] == money._COLUMNS["user"] == "user"


def test_rows_are_blocks_where_columns_would_be_torn(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Eighteen columns on a screen of 150; three of them stay a table."""
    monkeypatch.setenv("COLUMNS", "150")
    terminal.table([f"column{n}" for n in range(18)], [[f"1576025{n}" for n in range(18)], [None] * 18])
    wide = capsys.readouterr().out
    assert " column0  15760250\n" in wide
    assert "column17  –\n" in wide
    terminal.table(("a", "b", "c"), [(1, 2, 3)])
    assert capsys.readouterr().out.split() == ["a", "b", "c", "1", "2", "3"]
    turn = "01a21f8b-a1ad-7000-8000-0123456789ab"
    monkeypatch.setenv("COLUMNS", "80")
    row = (turn, "b " * 40, "Zoe (1576031421468770304)")
    terminal.table(("turn", "said", "person"), [row])
    terminal.table(("turn", "said", "by", "n", "m"), [(*row, 1, 2)])
    terminal.table(("turn", "said", "by"), [(turn, "b " * 40, "x")])
    told = capsys.readouterr().out
    assert told.count(turn) == 3
    assert told.count("1576031421468770304") == 2
    assert f"\nturn  {turn}\n" in "\n" + told


def test_an_empty_table_says_what_there_is_none_of(capsys: pytest.CaptureFixture[str]) -> None:
    """In the caller's words, else by its heads."""
    terminal.table(("a", "b"), [])
    terminal.table(("a", "b"), [], empty="No turn matches.")
    assert capsys.readouterr().out == "Nothing to show under a, b.\nNo turn matches.\n"


def test_settings_tell_what_holds_here_and_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the environment, from .env, or by default; passwords inside addresses are no exception."""
    file = tmp_path / ".env"
    file.write_text("DEFAULT_MODEL=my/model\nDATABASE_URL=postgresql://u:p%40ss@h/x\n")
    monkeypatch.setenv("PROVIDER_API_KEY", "sk-very-secret-key")
    monkeypatch.setenv("OWNER_IDS", "1,2")
    held = settings_table.holding(env_file=str(file))
    assert (held["DEFAULT_MODEL"].value, held["DEFAULT_MODEL"].source) == ("my/model", ".env")
    assert (held["OWNER_IDS"].value, held["OWNER_IDS"].source) == ("1, 2", "environment")
    assert (held["PROVIDER_API_KEY"].value, held["PROVIDER_API_KEY"].source) == ("(set, not shown)", "environment")
    assert held["DATABASE_URL"].value == "postgresql://u:***@h/x"
    assert held["LOG_FORMAT"].source == "default"
    whole = json.dumps([[one.value for one in held.values()]])
    assert "very-secret" not in whole
    assert "p%40ss" not in whole
    file.write_text("CONSOLE_PORT=x\n")
    with pytest.raises(SettingsError, match="CONSOLE_PORT"):
        settings_table.holding(env_file=str(file))


def test_settings_are_listed_where_one_of_them_cannot_be_used(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """That is when somebody looks for what it should be; the sentence about it comes after the list."""
    monkeypatch.setenv("CONSOLE_PORT", "x")
    with pytest.raises(SettingsError, match="CONSOLE_PORT"):
        settings_table.settings(json=True)
    rows = json.loads(capsys.readouterr().out)
    assert {"CONSOLE_PORT", "DEFAULT_MODEL"} <= {row["name"] for row in rows}


def test_a_turn_that_was_stopped_says_why_in_a_sentence() -> None:
    """Also why nobody was told a second time."""
    assert "had been told of it before" in _ending({"why": "already told"})[0]
    assert _ending({"why": "a reason of tomorrow"}) == ["Stopped: a reason of tomorrow."]
    assert _million(0.000003) == "3"
