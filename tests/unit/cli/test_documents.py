"""What the documents tell people to type is there to be typed."""

import re
from pathlib import Path
from typing import Any

import typer

from bot.cli import main

ROOT = Path(__file__).resolve().parents[3]
TYPED = re.compile(r"`(?:[A-Z_]+=\S+ )?tzurot ([a-z][^`\n]*)`")
ALL: Any = typer.main.get_command(main.build())


def _missing(words: list[str]) -> str | None:
    """The first word, or option, that there is not."""
    command = ALL
    for word in words:
        if word.startswith("--"):
            name = word.partition("=")[0]
            if not any(name in (*option.opts, *option.secondary_opts) for option in command.params) and name != "--help":
                return name
        elif getattr(command, "commands", None):
            for one in word.split("|"):
                if one not in command.commands:
                    return one
            command = command.commands[word.split("|")[0]]
    return None


def test_every_command_in_the_documents_exists() -> None:
    """Also its options; a document that names one which was renamed leads nowhere."""
    wrong = []
    files = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
    for file in files:
        for typed in TYPED.findall(file.read_text()):
            if typed.startswith("bench "):
                continue  # its commands are read when it is called
            if (missing := _missing(typed.replace("...", "").replace("…", "").split())) is not None:
                wrong.append(f"{file.name}: tzurot {typed}: {missing}")
    assert not wrong, "\n".join(wrong)
