"""What docs/architecture.md says of who builds rows and who decides, held on the source itself."""

import ast
from collections.abc import Iterable

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


LEFT_EARLY = """
async def whole(log):
    async for row in log.rows():
        for part in row:
            break

async def left(log):
    async for row in log.rows():
        if row:
            return row

async def first(log):
    return await anext(row async for row in log.rows())

async def closed(log):
    async with aclosing(log.rows()) as rows:
        async for row in rows:
            yield row
"""
CLOSED_BY_OTHERS = {"aiter_raw", "aiter_lines", "stream"}
"""Iterators of a response or a cursor, which the response or the cursor closes."""


SCANNED = {
    "projections/commands.py": "an export reads all of the log that is asked for",
    "projections/rerun/forks.py": "an operator's command goes through a whole conversation",
    "worker/money.py": "an operator's command goes through so many days",
    "bot/undoing.py": "only what the read model does not know yet",
}
"""Where the log is filtered by type without a stream or both ends, and why that may be."""


def test_the_log_is_filtered_by_type_only_where_that_is_bounded() -> None:
    """Else it is read from end to end for what is rare: `projections.tail` finds such events through the timeline."""
    found = set[str]()
    for source in sources().values():
        if "Query" not in source.calls or source.file.startswith("engine/store/") or source.file == "projections/tail.py":
            continue
        calls = [node for node in ast.walk(ast.parse("\n".join(source.lines))) if isinstance(node, ast.Call)]
        through_the_timeline = {id(given) for call in calls if ast.unparse(call.func) == "tail.newest" for given in call.args}
        for call in calls:
            named = {word.arg for word in call.keywords}
            bounded = "stream" in named or named >= {"after", "until"} or id(call) in through_the_timeline
            if ast.unparse(call.func) == "Query" and "types" in named and not bounded:
                found.add(source.file)
    assert found == SCANNED.keys()


def test_generators_are_closed_by_whoever_leaves_them_early() -> None:
    """A loop that breaks, returns or yields leaves a generator half-read: its connection is closed at once only inside `aclosing`."""
    assert left_early(ast.parse(LEFT_EARLY)) == [8, 13]
    files = [path for top in ("engine", "projections", "bot", "worker", "tests") for path in (ROOT / top).rglob("*.py")]
    texts = {path: text for path in files if "async for " in (text := path.read_text(encoding="utf-8")) or "anext(" in text}
    found = [f"{path.relative_to(ROOT)}:{line}" for path, text in texts.items() for line in left_early(ast.parse(text))]
    assert len(texts) > 50
    assert sorted(found) == []


def left_early(module: ast.Module) -> list[int]:
    """The lines of loops over a generator made there that end before it does, and of first elements taken from one."""
    nodes = list(ast.walk(module))
    loops = [node for node in nodes if isinstance(node, ast.AsyncFor) and isinstance(node.iter, ast.Call) and ends_early(node.body)]
    calls = [node for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "anext"]
    return sorted(
        [loop.lineno for loop in loops if getattr(getattr(loop.iter, "func", None), "attr", "") not in CLOSED_BY_OTHERS]
        + [call.lineno for call in calls if isinstance(call.args[0], ast.GeneratorExp | ast.Call)]
    )


def ends_early(body: Iterable[ast.AST], *, inner: bool = False) -> bool:
    """Whether a loop of this body may break, return or yield; `inner`: breaks end a loop within."""
    for node in body:
        if isinstance(node, ast.Return | ast.Yield) or (isinstance(node, ast.Break) and not inner):
            return True
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            continue
        if ends_early(ast.iter_child_nodes(node), inner=inner or isinstance(node, ast.For | ast.AsyncFor | ast.While)):
            return True
    return False
