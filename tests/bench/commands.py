"""`tzurot bench <what>`: one command per folder here that has a `command.py`, imported only when it is asked for."""

import importlib
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

HERE = Path(__file__).parent


class Benchmarks(TyperGroup):
    """Finds its commands in the folders: `append/command.py` has a function `append`."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(file.parent.name for file in HERE.glob("*/command.py"))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.list_commands(ctx):
            return None
        function = getattr(importlib.import_module(f"tests.bench.{cmd_name}.command"), cmd_name)
        app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
        app.command(cmd_name)(function)
        return get_command(app)


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(cls=Benchmarks, no_args_is_help=True, help="Benchmarks, each against a baseline. Each prints rows with --json.")
    group.callback()(lambda: None)
    app.add_typer(group, name="bench")
