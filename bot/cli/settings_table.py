"""The settings as a table, made from the code: `tzurot settings` shows it, the README holds it."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from pydantic_core import PydanticUndefined

from bot.cli import output
from engine.config import Settings

BEGIN, END = "<!-- settings: written by `tzurot settings --write README.md` -->", "<!-- end of settings -->"


@dataclass(frozen=True, slots=True)
class Row:
    """One setting: the name of its environment variable, its default as a person would write it, and what it does."""

    name: str
    default: str
    meaning: str


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
    """Every setting with its default and meaning. They are read from the environment, then from .env."""
    if write is not None:
        write.write_text(renewed(write.read_text()))
    elif check is not None:
        text = check.read_text()
        if renewed(text) != text:
            output.echo(f"The settings table in {check} is not the code's. Run: tzurot settings --write {check}", err=True)
            raise typer.Exit(1)
    elif json:
        output.as_json([{"name": row.name, "default": row.default, "meaning": row.meaning} for row in rows()])
    else:
        output.table(("variable", "default", "meaning"), [(row.name, row.default, row.meaning) for row in rows()])
