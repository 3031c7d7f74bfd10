"""What commands print: foreign text cannot write to the terminal, and a person reads words instead of Python."""

import json
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cli import files
from bot.cli.supervisor.report import Notice, as_text
from engine import terminal
from engine.outside.printed import json_line, plain, printable
from tests.support.examples import examples
from tests.support.sources import sources

EVIL = [
    "evil/[/b]",
    "[link=http://evil.example]x[/link]",
    "a\x1b[2Jb",
    "a\x1b]0;title\x07b",
    "a\x9b31mb",
    "a\rb",
    "a\x08b",
    "a\u202egnp.exe",
    "a\u2066b\u2069",
    "a\u200bb",
    "".join(chr(0xE0000 + ord(c)) for c in "hidden"),
    "a\ud800b",
    "\x00",
]


@given(st.text(st.characters()))
def test_nothing_a_terminal_acts_on_is_printed(text: str) -> None:
    """Neither C0 nor C1, no direction, nothing that nobody sees; lines and tabs stay, and so does every other character."""
    shown = printable(text)
    for character in shown:
        assert character in "\n\t\u200c\u200d" or unicodedata.category(character) not in {"Cc", "Cs", "Zl", "Zp"}
        assert character not in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
    assert printable(shown) == shown


@examples(40)
@given(st.recursive(st.none() | st.booleans() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8))
def test_json_says_the_same_without_them(value: object) -> None:
    """A program reads what was there; a terminal that shows it is not written to."""
    line = json_line(value)
    assert json.loads(line) == value
    assert printable(line) == line


@pytest.mark.parametrize("text", EVIL)
def test_every_way_of_printing_takes_any_text(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A table with markup in its cells does not fail and shows it as it is."""
    terminal.table(("model", "n"), [(text, 1)], title="")
    terminal.say(None, json=False, words=text)
    terminal.echo(text, err=True)
    terminal.echo(terminal.fields({"model": text}))
    heard = capsys.readouterr()
    said = heard.out + heard.err + as_text(Notice("note", "x", text)).plain
    assert not {"\x1b", "\x9b", "\r", "\x07", "\x08", "\u202e", "\u2066", "\u200b", "\x00"} & set(said)
    if text.startswith(("evil", "[link")):
        assert said.count(text) == 5


def test_an_empty_table_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """A lonely header looks like a fault."""
    terminal.table(("id", "error"), [])
    assert capsys.readouterr().out == "Nothing to show under id, error.\n"


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "–"), ((), "–"), ({"cost": 0.0}, "cost 0"), (3e-06, "0.000003"), (True, "yes"), (("a", "b"), "a, b"), ({}, "–"), (1.5, "1.5")],
)
def test_a_value_is_written_as_a_person_would(value: object, words: str) -> None:
    """No None, no brackets, no exponent."""
    assert plain(value) == words


@pytest.mark.parametrize("evil", EVIL)
def test_what_is_exported_to_a_terminal_is_harmless(evil: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON says the same; of another text the escapes are seen, and whoever sends it into a file gets it as it is."""
    files.show(json.dumps({"name": evil}, ensure_ascii=False).encode("utf-8", "replace"))
    said = capsys.readouterr().out
    assert json.loads(said)["name"] == evil.encode("utf-8", "replace").decode()
    assert printable(said) == said
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    files.show(f"# {evil}".encode("utf-8", "replace"))
    shown = capsys.readouterr().out
    assert printable(shown) == shown


def test_commands_print_by_the_cleaned_ways_only() -> None:
    """typer's echo and print do not look at what they print."""
    allowed = {"engine/terminal.py", "engine/process.py", "bot/cli/supervisor/report.py", "worker/memory/commands.py"}
    printing = {"print", "typer.echo", "typer.secho", "click.echo", "rich.print"}
    found = {source.file for source in sources().values() if source.calls & printing}
    assert found <= allowed
