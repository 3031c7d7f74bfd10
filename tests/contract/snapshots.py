"""The stored form of every event as files: JSON Schema and an example, per type and version. Run to write what is missing.

    python -m tests.contract.snapshots [--overwrite]

A file of a released version is never overwritten: raise the version in engine.events, add an upcaster to engine.store.upcast, and run
this again, which adds the new version's files beside the old ones. `--overwrite` is for versions nobody has stored yet.
"""

import json
import sys
import types
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAliasType, Union, get_args, get_origin
from uuid import UUID, uuid5

import orjson
from pydantic import BaseModel, JsonValue, TypeAdapter
from pydantic.fields import FieldInfo

from engine import schema
from engine.events import all_types
from engine.events.base import Event
from engine.store import codec

HERE = Path(__file__).parent
SCHEMAS, HISTORIES = HERE / "schemas", HERE / "histories"
ASYNCAPI = HERE.parent.parent / "docs" / "asyncapi.json"


def text_of(value: object) -> str:
    """JSON as it stands in the files."""
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def name_of(cls: type[Event]) -> str:
    return f"{cls.TYPE}.v{cls.VERSION}.json"


def history(cls: type[Event]) -> dict[str, Any]:
    """An example as the log holds it, before sealing."""
    clear, sealed = codec.dump(example(cls))
    return {"type": cls.TYPE, "version": cls.VERSION, "data": orjson.loads(clear), "sealed": orjson.loads(sealed) if sealed else None}


def example[M: BaseModel](cls: type[M]) -> M:
    """An instance with every field set to something that is not its default, the same every time."""
    return cls.model_validate({name: _value(name, info) for name, info in cls.model_fields.items()})


def _value(name: str, info: FieldInfo) -> Any:
    annotation: Any = info.annotation
    check: TypeAdapter[Any] = TypeAdapter(Annotated[(annotation, *info.metadata)] if info.metadata else annotation)
    for candidate in _candidates(name, annotation):
        try:
            check.validate_python(candidate)
        except ValueError:
            continue
        return candidate
    return info.get_default(call_default_factory=True, validated_data={})


def _candidates(name: str, annotation: Any) -> list[Any]:
    """Values to try for a type, the telling ones first."""
    if isinstance(annotation, TypeAliasType) and annotation is not JsonValue:
        return _candidates(name, annotation.__value__)
    if annotation is JsonValue or annotation is Any:
        return [f"a {name}"]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [example(annotation)]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return list(reversed(arguments))
    if origin in (Union, types.UnionType):
        return [value for argument in arguments if argument is not type(None) for value in _candidates(name, argument)] + [None]
    if origin in (tuple, list, frozenset):
        return [origin(_candidates(name, arguments[0])[:1]), ()]
    if origin is dict:
        return [{key: value for key in _candidates(name, arguments[0])[:1] for value in _candidates(name, arguments[1])[:1]}, {}]
    if origin is not None and hasattr(annotation, "__metadata__"):
        return _candidates(name, arguments[0])
    return _plain(name, annotation)


def _plain(name: str, kind: Any) -> list[Any]:
    stable = UUID("6f6b1c5e-3f0e-5d0a-9a57-7a2f0d1c4b8e")
    known: dict[Any, list[Any]] = {
        bool: [True],
        int: [1_350_000_000_000_000_001, 42, 7, 1, 0],
        float: [0.5, 1.0, 0.0],
        str: [f"a {name} — ünïcode", f"a-{name}", "a" * 64, "#a0b1c2", "https://example.org/a.png", "a"],
        UUID: [uuid5(stable, name)],
        bytes: [b"bytes"],
    }
    return known.get(kind, [])


def write(*, overwrite: bool) -> list[str]:
    """Write what is missing; returns the names of the files."""
    written = []
    SCHEMAS.mkdir(exist_ok=True)
    HISTORIES.mkdir(exist_ok=True)
    for _, cls in all_types():
        for folder, value in ((SCHEMAS, schema.of_event(cls)), (HISTORIES, history(cls))):
            file = folder / name_of(cls)
            if overwrite or not file.exists():
                file.write_text(text_of(value))
                written.append(f"{folder.name}/{file.name}")
    ASYNCAPI.write_text(text_of(schema.asyncapi()))
    return written


if __name__ == "__main__":
    print("\n".join(write(overwrite="--overwrite" in sys.argv)))
