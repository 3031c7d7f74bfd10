"""What the events look like, for programs that are not this one: JSON Schema of each, and an AsyncAPI document of what goes over NATS."""

from typing import Any

from engine.bus import subjects
from engine.bus.reference import Reference
from engine.events import all_types
from engine.events.base import Event

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def of_event(cls: type[Event]) -> dict[str, Any]:
    """The JSON Schema of one event. `x-sealed` marks the fields that are stored encrypted, with their subject's data key."""
    schema = cls.model_json_schema(mode="serialization")
    for name in cls.SEALED:
        schema["properties"][name]["x-sealed"] = True
    return {"$schema": DRAFT, "title": cls.TYPE, "x-schema-version": cls.VERSION} | {k: v for k, v in schema.items() if k != "title"}


def of_events() -> dict[str, dict[str, Any]]:
    """Type name -> schema, in registry order."""
    return {name: of_event(cls) for name, cls in all_types()}


def asyncapi() -> dict[str, Any]:
    """AsyncAPI 3.0: one channel per event type; what travels is a reference, what it refers to stands in the log."""
    channels, operations, messages = {}, {}, {}
    for name, cls in all_types():
        key = name.replace(".", "_")
        channels[key] = {
            "address": subjects.of_event(name, "{venue}"),
            "description": (cls.__doc__ or "").strip().split("\n")[0],
            "parameters": {"venue": {"description": "discord, playground, or _ where an event has none."}},
            "messages": {key: {"$ref": f"#/components/messages/{key}"}},
        }
        operations[f"relay_{key}"] = {"action": "send", "channel": {"$ref": f"#/channels/{key}"}}
        messages[key] = {
            "name": name,
            "contentType": "application/json",
            "headers": {"type": "object", "properties": {"Nats-Msg-Id": {"type": "string", "description": "The event's id."}}},
            "payload": {"$ref": "#/components/schemas/Reference"},
            "x-stored-as": {"$ref": f"#/components/schemas/{key}"},
        }
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Tzurot", "version": "1", "description": "References to events of the log. Texts never travel."},
        "servers": {"nats": {"host": "127.0.0.1:4222", "protocol": "nats", "description": f"JetStream, stream {subjects.STREAM}."}},
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": {"Reference": _reference()} | _stored()},
    }


def _reference() -> dict[str, Any]:
    return {key: value for key, value in Reference.model_json_schema(mode="serialization").items() if key != "title"}


def _stored() -> dict[str, Any]:
    """The events' schemas with their inner definitions lifted, so that references resolve within one document."""
    found = {}
    for name, schema in of_events().items():
        key = name.replace(".", "_")
        found[key] = _moved({k: v for k, v in schema.items() if k not in ("$schema", "$defs")}, key)
        for inner, definition in schema.get("$defs", {}).items():
            found[f"{key}_{inner}"] = _moved(definition, key)
    return found


def _moved(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        return {k: v.replace("#/$defs/", f"#/components/schemas/{key}_") if k == "$ref" else _moved(v, key) for k, v in value.items()}
    return [_moved(item, key) for item in value] if isinstance(value, list) else value
