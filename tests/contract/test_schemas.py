"""Stored events stay readable: every change of an event's form is seen, and every form there ever was still opens."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import pytest

from engine import schema
from engine.events import all_types, class_of
from engine.events.base import Event
from engine.store import bulk, codec
from engine.store.upcast import STEPS, upcast
from tests.contract import snapshots

TYPES = dict(all_types())
STORED = sorted(snapshots.HISTORIES.glob("*.json"))
AGAIN = "Raise the event's version, add an upcaster, then run: python -m tests.contract.snapshots"


@pytest.mark.parametrize("name", TYPES)
def test_a_change_of_form_needs_a_new_version(name: str) -> None:
    """Today's schema is the one in the snapshot of its version."""
    cls = TYPES[name]
    file = snapshots.SCHEMAS / snapshots.name_of(cls)
    assert file.exists(), f"{file.name} is missing. {AGAIN}"
    assert json.loads(file.read_text()) == schema.of_event(cls), f"{name} has another form than version {cls.VERSION} had. {AGAIN}"


@pytest.mark.parametrize("name", TYPES)
def test_every_version_has_a_history_and_a_way_to_today(name: str) -> None:
    """From version 1 on there is a stored example of each, and a step from each but the last."""
    versions = range(1, TYPES[name].VERSION + 1)
    assert [v for v in versions if not (snapshots.HISTORIES / f"{name}.v{v}.json").exists()] == []
    assert [v for v in versions[:-1] if (name, v) not in STEPS] == []


@pytest.mark.parametrize("file", STORED, ids=lambda file: file.stem)
def test_stored_examples_open_today(file: Path) -> None:
    """On both read paths, with the key and without; what is clear today keeps its value through every step."""
    stored = json.loads(file.read_text())
    type_, version = stored["type"], stored["version"]
    cls = class_of(type_, version)
    fields = upcast(type_, version, stored["data"] | (stored["sealed"] or {}))
    event = cls.model_validate(fields)
    assert event == cls.model_validate_json(event.model_dump_json())
    assert isinstance(codec.erased(cls, upcast(type_, version, stored["data"])), cls)
    joined = bulk.joined_json(orjson.dumps(stored["data"]), orjson.dumps(stored["sealed"] or {}))
    row: bulk.Row = (1, bytes(16), type_, version, None, joined, None)
    twin: Any = bulk.decode([row], {})[0].event
    assert {name: getattr(twin, name) for name in _scalars(event)} == {name: getattr(event, name) for name in _scalars(event)}


def _scalars(event: Event) -> list[str]:
    return [name for name, value in event.__dict__.items() if isinstance(value, str | int | float | bool | None)]


@pytest.mark.parametrize("name", TYPES)
def test_examples_satisfy_their_schema(name: str) -> None:
    """Another program that validates with the published schema accepts what we store."""
    cls = TYPES[name]
    stored = json.loads((snapshots.HISTORIES / snapshots.name_of(cls)).read_text())
    published = json.loads((snapshots.SCHEMAS / snapshots.name_of(cls)).read_text())
    jsonschema_rs.validator_for(published).validate(stored["data"] | (stored["sealed"] or {}))


def test_the_asyncapi_document_is_todays() -> None:
    """docs/asyncapi.json is what the program generates, and its references resolve."""
    found = json.loads(snapshots.ASYNCAPI.read_text())
    assert found == schema.asyncapi(), "run: python -m tests.contract.snapshots"
    references = set(_references(found))
    assert references
    assert [reference for reference in references if _resolve(found, reference) is None] == []


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [reference for item in value.values() for reference in _references(item)]
    return [reference for item in value for reference in _references(item)] if isinstance(value, list) else []


def _resolve(document: Any, reference: str) -> Any:
    for part in reference.removeprefix("#/").split("/"):
        document = document.get(part) if isinstance(document, dict) else None
    return document


def test_no_stored_history_is_orphaned() -> None:
    """Every stored example is of a type and version this program knows: a removed type would make old logs unreadable."""
    for file in STORED:
        stored = json.loads(file.read_text())
        assert class_of(stored["type"], stored["version"])
