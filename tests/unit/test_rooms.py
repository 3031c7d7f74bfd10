"""What docs/architecture.md and CONTRIBUTING.md claim, held here or by the import contracts of pyproject.toml."""

import itertools
import re
import tomllib
from collections import defaultdict
from functools import cache

import pytest

from tests.support.sources import ROOMS, ROOT, sources

MOST_NAMES, MOST_LINES = 50, 400
PATTERN_OF_DECIDE = {"State", "Create", "Edit", "Delete", "Restore"}
"""What every module of engine.decide calls its state and its commands; they are always named with their module: `preset.Create`."""


def public_names() -> dict[str, set[str]]:
    """Package -> what others take from it.

    A name counts once when a module outside the package (and outside the packages below it) imports it from one of the package's modules.
    A module taken whole (`from engine import ids`, then `ids.turn`) counts as one name: its reader sees where to look. Event classes
    count as nothing: they are the log's words, one per kind of fact, and listed in the registry.
    """
    found: dict[str, set[str]] = defaultdict(set)
    known = sources()
    for source in known.values():
        for module, name in source.imports:
            if not name or module not in known:
                continue
            whole = known.get(f"{module}.{name}")
            if whole and whole.package == whole.module:
                continue  # a package: what is taken from it is looked at where it is taken
            home = known[module].package
            if not f"{source.package}.".startswith(f"{home}.") and name not in event_classes():
                found[home].add(name)
    return found


@cache
def event_classes() -> frozenset[str]:
    return frozenset(
        name
        for source in sources().values()
        if source.module.startswith("engine.events.")
        for name, bases in source.classes
        if any(base.endswith("Event") for base in bases)
    )


def test_a_package_shows_at_most_fifty_names() -> None:
    """P7: what has to be known to use a package fits in a head."""
    assert {name: len(found) for name, found in public_names().items() if len(found) > MOST_NAMES} == {}
    assert len(public_names()["engine"]) > 20, "the count counts"


def test_a_file_has_at_most_four_hundred_lines() -> None:
    """P7: tests too."""
    files = {source.file: len("\n".join(source.lines).splitlines()) for source in sources(*ROOMS, "tests").values()}
    longer = {name: length for name, length in files.items() if length > MOST_LINES}
    assert longer == {}
    assert len(files) > 300, "the files are found"


@pytest.mark.parametrize("room", ROOMS)
def test_no_class_name_stands_for_two_things_in_one_room(room: str) -> None:
    """Private names are a file's own business."""
    found = defaultdict(list)
    for module, source in sources(room).items():
        for name, _ in source.classes:
            if name.startswith("_") or (name in PATTERN_OF_DECIDE and module.startswith("engine.decide.")):
                continue
            found[name].append(module)
    assert {name: modules for name, modules in found.items() if len(modules) > 1} == {}


def holding(pattern: str, *, outside: tuple[str, ...]) -> list[str]:
    """Modules whose strings match, other than those in or below the modules named."""
    wanted = re.compile(pattern)
    return [
        name
        for name, source in sources().items()
        if not any(name == place or name.startswith(f"{place}.") for place in outside)
        and any(wanted.search(text) for text in source.strings)
    ]


SQL = r"(?s)\bSELECT\b.+\bFROM\b|\bINSERT INTO\b|\bDELETE FROM\b|\bUPDATE [a-z_.]+ SET\b|\bCREATE (TABLE|INDEX|SCHEMA)\b"
SQL_PLACES = ("engine.store", "engine.vault", "engine.data_keys", "engine.migrate", "engine.embedded", "projections")
OPERATIONS = ("engine.archive", "engine.backup", "engine.blobs", "engine.erasure", "engine.rotation", "engine.scrub")


def test_sql_stands_in_few_places() -> None:
    """The log, the vault, migrations, the embedded servers, operations and read models."""
    assert holding(SQL, outside=(*SQL_PLACES, *OPERATIONS)) == []
    assert len(holding(SQL, outside=())) > 10, "the pattern finds some"


def test_subjects_and_streams_are_named_in_the_bus() -> None:
    """Everybody else asks engine.bus.subjects."""
    assert holding(r"^TZ_[A-Z]+$|^tz\.", outside=("engine.bus",)) == []


def test_prompt_text_is_in_no_face_and_no_worker() -> None:
    """What a model reads of a conversation is made in projections/prompt, so that the console can show it again."""
    assert holding(r"<(message|character|description|participants|conversation|memories)[ >]", outside=("projections.prompt",)) == []


def test_quirks_of_providers_are_data() -> None:
    """No model is named where a turn is run; what is odd about the form of an answer is the business of worker/providers."""
    named = holding(r"(?i)\b(deepseek|claude|gemini|gpt-|glm-|qwen|llama|mistral|kimi)", outside=("engine.decide.spending.turn_model",))
    assert [name for name in named if name.startswith(("worker.turn", "worker.jobs", "bot."))] == []


@pytest.mark.parametrize(
    ("library", "places"),
    [
        ("nextcord", r"bot\.discord(\..+)?"),
        ("httpx", r"worker\.providers\.http"),
        ("requests", "nowhere"),
        ("faststream", r"engine\.bus(\..+)?|.*\.__main__"),
        ("nats", r"engine\.bus(\..+)?|engine\.embedded(\..+)?|engine\.errors|engine\.process|bot\.console(\..+)?|worker\.work"),
        ("psycopg", r"engine(\..+)?|projections(\..+)?"),
        ("cryptography", r"engine(\..+)?"),
    ],
)
def test_a_library_is_used_where_it_is_at_home(library: str, places: str) -> None:
    assert [
        name
        for name, source in sources().items()
        if not re.fullmatch(places, name) and any(module.partition(".")[0] == library for module, _ in source.imports)
    ] == []


def test_what_the_documents_name_is_there() -> None:
    """Every path in docs/architecture.md and CONTRIBUTING.md leads somewhere."""
    named = re.compile(r"`((?:engine|projections|bot|worker|migrations|tests|docs|\.ci)/[^`<…*]*)`")
    documents = [ROOT / "docs" / "architecture.md", ROOT / "CONTRIBUTING.md"]
    missing = [path for file in documents for path in named.findall(file.read_text(encoding="utf-8")) if not (ROOT / path).exists()]
    assert missing == []


def test_the_rooms_of_the_document_are_the_rooms_there_are() -> None:
    """A new folder is a new line in docs/architecture.md."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").partition("## Rooms")[2].partition("## ")[0]
    folders = {folder for room in ROOMS for folder in (ROOT / room).iterdir() if (folder / "__init__.py").exists()}
    assert sorted(f"{folder.parent.name}/{folder.name}" for folder in folders if not re.search(rf"\b{folder.name}/", text)) == []


def test_the_import_contracts_are_those_of_the_document() -> None:
    """What `make lint` checks beside these tests."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract for contract in contracts if contract["type"] == "layers")
    assert layers["layers"] == ["bot | worker", "projections", "engine"]
    assert {"bot.discord", "bot.console", "bot.cli"} <= set(next(c for c in contracts if c["type"] == "independence")["modules"])


def test_an_exception_from_the_rule_has_its_reason_beside_it() -> None:
    """A lint or type rule switched off on a line, or an `except` for everything, says why on that line or on the next."""
    bare = [
        f"{source.file}:{number}: {line.strip()}"
        for _, source in sorted(sources().items())
        for number, line, below in zip(itertools.count(1), source.lines, source.lines[1:], strict=False)
        if SWITCHED_OFF.search(line) and not explained(line, below)
    ]
    assert bare == []


SWITCHED_OFF = re.compile(r"# (noqa|type: ignore)|except Exception")
DECORATED_BY_NEXTCORD = "[untyped-decorator]"
"""nextcord's decorators have no types; every command has one."""


def explained(line: str, below: str) -> bool:
    if "except Exception" in line:
        return "#" in line or below.strip().startswith("#")
    return DECORATED_BY_NEXTCORD in line or re.search(r"# (?:noqa: [A-Z0-9, ]+|type: ignore\[[\w, -]+\])\s*(?:#|-) *\w", line) is not None
