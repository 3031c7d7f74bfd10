"""Turning `character view` and named options into the nested data of an interaction, by the schema the bot registered. Pure."""

import mimetypes
from collections.abc import Mapping

from tests.support.discord import payloads
from tests.support.discord.errors import Json
from tests.support.discord.world import ALL_PERMISSIONS, World

SUB, GROUP, STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, NUMBER, ATTACHMENT = 1, 2, 3, 4, 5, 6, 7, 8, 10, 11


def find_command(world: World, name: str) -> Json:
    """The registered command with this top-level name; AssertionError when the bot has not registered it."""
    for commands in world.commands.values():
        for command in commands:
            if command["name"] == name:
                return command
    known = sorted(c["name"] for commands in world.commands.values() for c in commands)
    raise AssertionError(f"no command {name!r} is registered; known: {known}")


def command_data(world: World, line: str, options: Mapping[str, object]) -> Json:
    """`data` of a type 2 interaction."""
    top, *path = line.split()
    command = find_command(world, top)
    resolved: Json = {}
    nested = _nest(world, command, path, options, resolved, focused=None)
    data: Json = {"id": command["id"], "name": top, "type": 1, "options": nested}
    if command.get("guild_id"):
        data["guild_id"] = command["guild_id"]
    return data | ({"resolved": resolved} if resolved else {})


def focused_data(world: World, line: str, options: Mapping[str, object], focused: str) -> Json:
    """`data` of a type 4 (autocomplete) interaction."""
    top, *path = line.split()
    command = find_command(world, top)
    return {"id": command["id"], "name": top, "type": 1, "options": _nest(world, command, path, options, {}, focused=focused)}


def _nest(world: World, node: Json, path: list[str], options: Mapping[str, object], resolved: Json, *, focused: str | None) -> list[Json]:
    children: list[Json] = node.get("options") or []
    if path:
        child = next((c for c in children if c["name"] == path[0] and c["type"] in (SUB, GROUP)), None)
        assert child is not None, f"{node['name']} has no sub-command {path[0]!r}"
        inner = _nest(world, child, path[1:], options, resolved, focused=focused)
        return [{"type": child["type"], "name": child["name"], "options": inner}]
    schema = {c["name"]: c for c in children}
    assert set(options) <= set(schema), f"unknown options {sorted(set(options) - set(schema))} of {node['name']}"
    if focused is None:
        missing = [n for n, c in schema.items() if c.get("required") and n not in options]
        assert not missing, f"required options missing: {missing}"
    return [_option(world, schema[n], v, resolved, focused=n == focused) for n, v in options.items()]


def _option(world: World, schema: Json, value: object, resolved: Json, *, focused: bool) -> Json:
    kind = schema["type"]
    if kind == USER:
        person = world.person(str(value))
        resolved.setdefault("users", {})[person.id] = payloads.user(person)
        resolved.setdefault("members", {})[person.id] = payloads.member(person, with_user=False) | {"permissions": ALL_PERMISSIONS}
        value = person.id
    elif kind == CHANNEL:
        channel = world.channel(str(value))
        resolved.setdefault("channels", {})[channel.id] = payloads.channel(world, channel) | {"permissions": ALL_PERMISSIONS}
        value = channel.id
    elif kind == ATTACHMENT:
        assert isinstance(value, tuple), "an attachment is given as (name, content)"
        made = upload(world, *value)
        resolved.setdefault("attachments", {})[made["id"]] = made
        value = made["id"]
    plain: Json = {"type": kind, "name": schema["name"], "value": value}
    return plain | ({"focused": True} if focused else {})


def upload(world: World, name: str, data: bytes) -> Json:
    """A file that somebody gives with a command: kept on the stand-in's CDN, under no channel."""
    file_id = world.ids.new()
    path = f"ephemeral-attachments/{file_id}/{name}"
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    world.files[path] = (data, kind)
    url = f"{world.base}/cdn/{path}"
    return {"id": file_id, "filename": name, "size": len(data), "url": url, "proxy_url": url, "content_type": kind, "ephemeral": True}
