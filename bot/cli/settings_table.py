"""The settings as a table, made from the code: `tzurot settings` shows it with what holds here, the README holds the defaults."""

import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import re2
import typer
from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from bot.cli import output
from engine import config
from engine.config import Settings
from engine.errors import SettingsError

_PASSWORD = re2.compile(r"(://[^/?#@:]*):.*@")
BEGIN, END = "<!-- settings: written by `tzurot settings --write README.md` -->", "<!-- end of settings -->"


@dataclass(frozen=True, slots=True)
class Row:
    """One setting: the name of its environment variable, its default as a person would write it, and what it does."""

    name: str
    default: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Holds:
    """What a setting is here, never a secret, and where that was said: environment, .env, default."""

    value: str
    source: str


def holding(environment: Mapping[str, str] = os.environ, env_file: str = config.ENV_FILE) -> dict[str, Holds]:
    """What holds here for every setting, by name. Raises SettingsError when the settings cannot be used."""
    found = config.load(env_file)
    said = {name.upper() for name, value in environment.items() if value}
    filed = {name.upper() for name in config.names(Path(env_file))}
    sources = {name: "environment" if name in said else ".env" if name in filed else "default" for name in map(str.upper, _names())}
    return {name.upper(): Holds(_shown(getattr(found, name)), sources[name.upper()]) for name in _names()}


def _names() -> list[str]:
    return list(Settings.model_fields)


def _shown(value: object) -> str:
    """A value without what is secret in it."""
    if isinstance(value, SecretStr):
        return "(set, not shown)"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return "" if value is None else _PASSWORD.sub(r"\1:***@", str(value))


def rows() -> list[Row]:
    """Every setting in the order of the code."""
    return [Row(name.upper(), _default(name), field.description or "") for name, field in Settings.model_fields.items()]


def _default(name: str) -> str:
    field = Settings.model_fields[name]
    if name == "tzurot_data":
        return "the system's folder for user data"
    value = field.default
    return "" if value is None or value is PydanticUndefined or value == () else str(value)


def markdown() -> str:
    """The table as Markdown, between its two markers."""
    lines = [
        f"| `{row.name}` | {f'`{row.default}`' if row.default and ' ' not in row.default else row.default} | {row.meaning} |"
        for row in rows()
    ]
    return "\n".join([BEGIN, "| variable | default | meaning |", "|---|---|---|", *lines, END])


def renewed(text: str) -> str:
    """The text with its settings table as the code has it. Raises ValueError when it has no markers."""
    pattern = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"put the line {BEGIN} and the line {END} where the table shall stand")
    return pattern.sub(lambda _: markdown(), text)


def register(app: typer.Typer) -> None:
    app.command("settings")(settings)


def settings(
    json: output.Json = False,
    write: Annotated[Path | None, typer.Option(help="Renew the table in this file.", show_default=False)] = None,
    check: Annotated[
        Path | None, typer.Option(help="Exit with 1 when the table in this file is not the code's.", show_default=False)
    ] = None,
) -> None:
    """Every setting: what holds here, its default and its meaning. They are read from the environment, then from .env."""
    if write is not None:
        from bot.cli import files  # here: it brings readers of the database along

        files.write(write, renewed(write.read_text()).encode())
    elif check is not None:
        text = check.read_text()
        if renewed(text) != text:
            output.echo(f"The settings table in {check} is not the code's. Run: tzurot settings --write {check}", err=True)
            raise typer.Exit(1)
    else:
        _show(json=json)


def _show(*, json: bool) -> None:
    """Print the table; also where a setting cannot be used, for then somebody looks here for what it should be."""
    here, wrong = dict[str, Holds](), None
    try:
        here = holding()
    except SettingsError as error:
        wrong = error
    if json:
        unknown = {"value": None, "source": None}
        output.as_json([asdict(row) | (asdict(here[row.name]) if here else unknown) for row in rows()])
    else:
        said = {name: "" if held.source == "default" else f"{held.value} ({held.source})" for name, held in here.items()}
        cells = [(row.name, said.get(row.name, ""), row.default, row.meaning) for row in rows()]
        output.table(("variable", "set to", "default", "meaning"), cells)
    if wrong is not None:
        raise wrong
