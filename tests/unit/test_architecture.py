"""What docs/architecture.md says of who builds rows and who decides, held on the source itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = {"engine/events/build.py", "engine/store"}
"""Where rows are built: everybody else describes an event and lets `build.new` make its row."""
IO = frozenset(
    "asyncio psycopg psycopg_pool aiohttp httpx nextcord os pathlib socket random secrets time engine.clock".split()  # noqa: SIM905
)


def _sources(*rooms: str) -> Iterator[tuple[str, ast.Module]]:
    for room in rooms:
        for file in sorted((ROOT / room).rglob("*.py")):
            yield file.relative_to(ROOT).as_posix(), ast.parse(file.read_text(encoding="utf-8"))


def _calls(tree: ast.Module, name: str) -> int:
    return sum(isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name for node in ast.walk(tree))


def test_rows_are_built_in_one_place() -> None:
    """An event says its stream, tags and subjects; a row built by hand could say something else."""
    built = {file for file, tree in _sources("engine", "projections", "bot", "worker") if _calls(tree, "NewEvent")}
    assert {file for file in built if not any(file.startswith(place) for place in ROWS)} == set()
    assert "engine/events/build.py" in built


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("file", sorted(path.name for path in (ROOT / "engine" / "decide").glob("*.py")))
def test_rules_do_no_io(file: str) -> None:
    """No clock, no randomness, no database: what a rule depends on is its arguments, so a replay decides the same."""
    tree = ast.parse((ROOT / "engine" / "decide" / file).read_text(encoding="utf-8"))
    assert {name for name in _imports(tree) if name in IO or name.startswith("engine.store")} == set()
    assert [node.name for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef)] == []
