"""What the project's own source says, for tests of its rules: each file is parsed once, and not again until it changes."""

import ast
import hashlib
import os
import pickle
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("engine", "projections", "worker", "bot")
KEPT = ROOT / ".pytest_cache" / "sources"


@dataclass(frozen=True, slots=True)
class Source:
    """One file: what it imports, defines, calls and says."""

    file: str
    """Relative to the repository."""
    lines: tuple[str, ...]
    imports: tuple[tuple[str, str], ...]
    """(module, name), the name empty for `import module`. Relative imports are left out: there are none."""
    classes: tuple[tuple[str, tuple[str, ...]], ...]
    """Top-level classes with their bases as written."""
    calls: frozenset[str]
    """What is called by a name or a dotted name."""
    strings: tuple[str, ...]
    """The text in the code; docstrings are prose and left out."""

    @property
    def module(self) -> str:
        """The dotted name it is imported by."""
        return self.file.removesuffix(".py").replace("/", ".").removesuffix(".__init__")

    @property
    def package(self) -> str:
        """The package the module is or stands in."""
        return self.module if self.file.endswith("/__init__.py") else self.module.rpartition(".")[0]


def read(file: str, text: str) -> Source:
    """Parse one file."""
    tree = ast.parse(text)
    nodes = list(ast.walk(tree))
    classes = tuple((node.name, tuple(map(ast.unparse, node.bases))) for node in tree.body if isinstance(node, ast.ClassDef))
    calls = frozenset(filter(None, (_dotted(node.func) for node in nodes if isinstance(node, ast.Call))))
    return Source(file, tuple(text.split("\n")), tuple(_imports(nodes)), classes, calls, tuple(_strings(nodes)))


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return node.id if isinstance(node, ast.Name) else ""


def _imports(nodes: list[ast.AST]) -> Iterator[tuple[str, str]]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.module, alias.name) for alias in node.names)


def _strings(nodes: list[ast.AST]) -> Iterator[str]:
    prose = {
        id(node.body[0].value)
        for node in nodes
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in nodes:
        if isinstance(node, ast.Constant) and id(node) not in prose:
            if isinstance(node.value, str):
                yield node.value
            elif isinstance(node.value, bytes):
                yield node.value.decode(errors="replace")


@cache
def sources(*rooms: str) -> dict[str, Source]:
    """Module name -> what its file says; of every room but the tests unless rooms are named."""
    files = [file for room in rooms or ROOMS for file in sorted((ROOT / room).rglob("*.py"))]
    kept = _kept()
    found = {file: _known(kept, file) for file in files}
    if any(kept.get(file) != entry for file, entry in found.items()):
        _keep(kept | found)
    return {source.module: source for _, source in found.values()}


type _Entry = tuple[tuple[int, int], Source]


def _known(kept: dict[Path, _Entry], file: Path) -> _Entry:
    stat = file.stat()
    stamp = stat.st_mtime_ns, stat.st_size
    if file in kept and kept[file][0] == stamp:
        return kept[file]
    return stamp, read(file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8"))


def _place() -> Path:
    """Another form of this module keeps another file."""
    return KEPT / hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]


def _kept() -> dict[Path, _Entry]:
    with suppress(OSError, pickle.PickleError, EOFError):
        found: dict[Path, _Entry] = pickle.loads(_place().read_bytes())
        return found
    return {}


def _keep(entries: dict[Path, _Entry]) -> None:
    with suppress(OSError):  # a read-only clone reads its files every time
        KEPT.mkdir(parents=True, exist_ok=True)
        draft = KEPT / f"draft-{os.getpid()}"
        draft.write_bytes(pickle.dumps(entries))
        draft.replace(_place())
