"""No pattern that sees a stranger's text takes more than linear time over it: it runs on re2, or its steps were counted."""

import ast
import importlib
import re
from collections.abc import Iterator
from functools import cache
from types import ModuleType

import pytest

from tests.support import backtracking
from tests.support.sources import ROOT, sources

CALLS = frozenset(f"re.{name}" for name in ("compile", "search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer"))
OURS = {
    "engine.embedded.dump": "sees what pg_dump wrote of our own migrations",
    "bot.cli.settings_table": "sees our own README",
    "worker.standin": "a stand-in for a provider: sees prompts, in which nobody's words have brackets",
    "engine.decide.spending.turn_model": "a row of our own table against a model's name of at most 200 characters",
}
"""Modules whose patterns see nothing of a stranger's, or are held elsewhere, and why."""

MADE = {
    "bot.mentions": "escaped mention characters: a setting",
    "engine.fault": "`_any_case`, of constants only",
    "engine.outside.category": "`_any_case`, of constants only",
    "worker.providers.refusals": "escaped names of parameters that were sent, against a bounded part of a provider's words",
    "worker.memory.words": "character classes that are constants of the module",
}
"""Modules that put a pattern together inside a function, and of what."""


def using_re() -> list[str]:
    return sorted(name for name, source in sources().items() if name not in OURS and ("re", "") in source.imports)


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse((ROOT / sources()[module].file).read_text())


@cache
def patterns(module: str) -> dict[str, re.Pattern[str]]:
    """Every pattern of a module: those it keeps, and those it gives to a function of `re` as they stand."""
    kept = {pattern.pattern: pattern for pattern in _kept(importlib.import_module(module))}
    return kept | {text: re.compile(text) for text in _literal(module)}


def _kept(found: object, depth: int = 0) -> Iterator[re.Pattern[str]]:
    if isinstance(found, re.Pattern) and isinstance(found.pattern, str):
        yield found
    elif isinstance(found, ModuleType):
        yield from (pattern for value in list(vars(found).values()) if not isinstance(value, ModuleType) for pattern in _kept(value, 1))
    elif isinstance(found, dict) and depth < 4:
        yield from (pattern for value in found.values() for pattern in _kept(value, depth + 1))
    elif isinstance(found, list | tuple | set | frozenset) and depth < 4:
        yield from (pattern for value in found for pattern in _kept(value, depth + 1))


def _literal(module: str) -> Iterator[str]:
    for call in _calls(module):
        if call.args and isinstance(first := call.args[0], ast.Constant) and isinstance(first.value, str):
            yield first.value


def _calls(module: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in CALLS:
            yield node


@pytest.mark.parametrize("module", using_re())
def test_every_pattern_takes_linear_time(module: str) -> None:
    """Steps of its backtracking over texts made of its own characters and words, of two lengths."""
    slow = {text: pump for text, pattern in patterns(module).items() if (pump := slow_over(pattern)) is not None}
    assert slow == {}


slow_over = cache(backtracking.is_linear)
"""Patterns that modules share are counted once."""


def test_no_pattern_is_made_of_a_strangers_words() -> None:
    """Inside a function `re` gets a pattern that stands there, or one that was compiled; what is put together goes to re2."""
    made = set()
    for module in using_re():
        functions = [node for node in ast.walk(tree_of(module)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        inside = {id(call) for node in functions for call in ast.walk(node)}
        made |= {module for call in _calls(module) if id(call) in inside and not isinstance(call.args[0], ast.Constant)}
    assert made <= set(MADE)


@pytest.mark.parametrize(
    "quadratic",
    [r"[.!?]+[\"']*\s+", r"\s*(?=\S)\s*x", r"\bfrom\b.+\bto\b", r"\S+@\S+", r"<[^>]*>", r"\n[ \t]*\n+x"],
)
def test_the_count_finds_what_is_not_linear(quadratic: str) -> None:
    """The interpreter sees what the real engine suffers from."""
    assert backtracking.is_linear(re.compile(quadratic)) is not None


@pytest.mark.parametrize("linear", [r"\s+", r"\w+", r"a{1,20}b", r"^\d+$", r"`{3,}", r"<@!?(\d{1,20})>", r"\*([^*\n]{1,1000})\*"])
def test_the_count_lets_through_what_is(linear: str) -> None:
    """And takes nothing linear for quadratic."""
    assert backtracking.is_linear(re.compile(linear)) is None
