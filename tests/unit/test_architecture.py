"""What docs/architecture.md says of who builds rows and who decides, held on the source itself."""

import ast

import pytest

from tests.support.sources import ROOT, read, sources

ROWS = {"engine/events/build.py", "engine/store"}
"""Where rows are built: everybody else describes an event and lets `build.new` make its row."""
IO = frozenset(
    "asyncio psycopg psycopg_pool aiohttp httpx nextcord os pathlib socket random secrets time engine.clock".split()  # noqa: SIM905
)


def test_rows_are_built_in_one_place() -> None:
    """An event says its stream, tags and subjects; a row built by hand could say something else."""
    built = {source.file for source in sources().values() if "NewEvent" in source.calls}
    assert {file for file in built if not any(file.startswith(place) for place in ROWS)} == set()
    assert "engine/events/build.py" in built


@pytest.mark.parametrize("file", sorted(path.name for path in (ROOT / "engine" / "decide").glob("*.py")))
def test_rules_do_no_io(file: str) -> None:
    """No clock, no randomness, no database: what a rule depends on is its arguments, so a replay decides the same."""
    text = (ROOT / "engine" / "decide" / file).read_text(encoding="utf-8")
    taken = read(file, text).imports
    names = {module for module, _ in taken} | {f"{module}.{name}" for module, name in taken if name}
    assert {name for name in names if name in IO or name.startswith("engine.store")} == set()
    assert [node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.AsyncFunctionDef)] == []
