"""The commands by name, kept in a file: what `tzurot --help` shows, and which modules bring a command, without loading any of them.

Loading every room takes seconds, and a person waits for one command or for a page of help. The file is written by
`python -m bot.cli.index`, and a test holds it to what the rooms register. A command that is not in it is found by loading everything.
"""

import json
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import typer

FILE = Path(__file__).with_name("index.json")
GROUP = "tzurot.commands"
_NEEDS_ALL = frozenset({"doctor"})
"""Other rooms bring checks of their own to these."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A command of the first level: its first sentences, and the functions (`module:name`) that register it and what is below it."""

    name: str
    help: str
    load: tuple[str, ...]


def rows() -> list[Listed]:
    """What the file says, in the order of the help."""
    return [Listed(each["name"], each["help"], tuple(each["load"])) for each in json.loads(FILE.read_text())]


def room(target: str) -> str:
    """The package that must be installed for `module:name`: that of the tests is not there without a clone."""
    return ".".join(target.partition(":")[0].split(".")[:2])


def installed(package: str) -> bool:
    """Whether a package can be imported."""
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        return False


def load(row: Listed, app: typer.Typer) -> None:
    """Have a command and what is below it registered, as far as its packages are installed."""
    for target in row.load:
        if installed(room(target)):
            _function(target)(app)


def made(app: typer.Typer) -> list[Listed]:
    """The rows of a command line that was loaded whole."""
    sources = {target: set(_commands(_alone(target))) for target in _targets()}
    found = []
    for name, command in _commands(app).items():
        brought = [target for target, names in sources.items() if name in names]
        rooms = [target for target in sources if not target.startswith("bot.cli.")]
        more = rooms if name in _NEEDS_ALL else []
        found.append(Listed(name, " ".join(str(command.help).partition("\n\n")[0].split()), (*brought, *more)))
    return found


def _targets() -> list[str]:
    """What registers: each file of this package by itself, because people wait for its commands, and each other room as a whole."""
    own = import_module("bot.cli.commands")
    files = [f"{each.__name__}:register" for each in vars(own).values() if hasattr(each, "register") and hasattr(each, "__file__")]
    return files + [entry.value for entry in sorted(entry_points(group=GROUP)) if entry.module != own.__name__]


def _function(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)


def _alone(target: str) -> typer.Typer:
    app = typer.Typer()
    app.callback()(lambda: None)
    _function(target)(app)
    return app


def _commands(app: typer.Typer) -> dict[str, Any]:
    group: Any = typer.main.get_group(app)
    return dict(group.commands)


def text(found: list[Listed]) -> str:
    """The file's text: a command a line, so that two changes meet only where they are about one command."""
    return "[\n" + ",\n".join(json.dumps(asdict(row)) for row in found) + "\n]\n"


if __name__ == "__main__":
    from bot.cli import main

    FILE.write_text(text(made(main.build())))
