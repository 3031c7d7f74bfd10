"""Every command that a sentence advises exists."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bot.discord.custom_ids import ALL, ANY
from bot.editing import KINDS
from bot.sheets import EVERY
from tests.contract.command_schema import SNAPSHOT

ROOT = Path(__file__).resolve().parents[3]
ADVICE = re.compile(r"`/([a-z{}]+(?: [a-z-]+){0,2})")


def commands() -> set[str]:
    """`character edit`, `undo`: as Discord is told of them."""
    told: list[dict[str, Any]] = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    return {command["name"] for command in told} | {name for one in told for name in _within(one)}


def _within(command: dict[str, Any]) -> Iterator[str]:
    """What stands below it: `edit` of `character`, `debug recent` of `admin`."""
    for option in command.get("options", []):
        if option["type"] == 1:
            yield f"{command['name']} {option['name']}"
        elif option["type"] == 2:
            yield from (f"{command['name']} {name}" for name in _within(option))


def exists(advised: str, known: set[str]) -> bool:
    """Whether it can be typed as it stands; a third word may be what the command is about."""
    words = advised.split()
    return any(" ".join(words[:count]).replace("{}", kind) in known for count in (len(words), 2) for kind in EVERY)


def texts(path: Path) -> Iterator[str]:
    """Every string in a file; what is filled in stands as {}."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node.value


def test_every_command_that_is_advised_exists() -> None:
    """Dead-end advice is worse than none: what a sentence of the bot names can be typed."""
    rooms = ("bot/discord", "bot/delivery", "engine/decide")
    files = [*(path for room in rooms for path in (ROOT / room).rglob("*.py")), *(ROOT / "bot").glob("*.py"), ROOT / "engine/fault.py"]
    advised = {(path.name, found) for path in files for text in texts(path) for found in ADVICE.findall(text)}
    assert len(advised) > 10, "the pattern finds some"
    known = commands()
    missing = [(name, found) for name, found in advised if not exists(found, known)]
    assert missing == []
    kinds = {press: EVERY if ANY in press.parts else KINDS for press in ALL}
    assert {press.instead.format(kind=kind).removeprefix("/") for press in ALL for kind in kinds[press]} <= known
