"""What a client sends when somebody presses a button, chooses in a select, or fills in a modal: only what a person could do. Pure."""

from collections.abc import Mapping, Sequence

from tests.support.discord import payloads
from tests.support.discord.components import BUTTON, CHANNELS, DISPLAY, INPUT, LABEL, MENTIONABLES, ROW, SELECTS, STRINGS, USERS, walk
from tests.support.discord.errors import Json
from tests.support.discord.shapes import length
from tests.support.discord.world import ALL_PERMISSIONS, World

type Values = Mapping[str, str | Sequence[str]]


def pressed(world: World, message: Json, custom_id: str, values: Sequence[str] = ()) -> Json:
    """`data` of a type 3 interaction; AssertionError when the message has no such component, or it is switched off."""
    components = list(walk(message.get("components") or []))
    one = next((c for c in components if c.get("custom_id") == custom_id), None)
    assert one is not None, f"no component {custom_id!r}; there: {[c['custom_id'] for c in components if 'custom_id' in c]}"
    assert not one.get("disabled"), f"{custom_id!r} is switched off"
    data: Json = {"custom_id": custom_id, "component_type": one["type"], "id": one.get("id", 1)}
    if one["type"] == BUTTON:
        return data
    return data | {"values": chosen(one, values)} | resolved(world, one["type"], values)


def chosen(one: Json, values: Sequence[str]) -> list[str]:
    """The values somebody chose in a select, if it offers them."""
    offered = {option["value"] for option in one.get("options") or ()}
    assert one["type"] != STRINGS or set(values) <= offered, f"{sorted(set(values) - offered)} are not offered by {one['custom_id']!r}"
    least = one.get("min_values", 1) if one.get("required", True) else 0
    assert least <= len(values) <= one.get("max_values", 1), f"{one['custom_id']!r} takes {least} to {one.get('max_values', 1)} values"
    return list(values)


def resolved(world: World, kind: int, values: Sequence[str]) -> Json:
    """The people and channels behind the chosen ids."""
    found: Json = {}
    for value in values:
        if kind in (USERS, MENTIONABLES) and value in world.users:
            found.setdefault("users", {})[value] = payloads.user(world.users[value])
            found.setdefault("members", {})[value] = payloads.member(world.users[value], with_user=False) | {"permissions": ALL_PERMISSIONS}
        elif kind == CHANNELS and value in world.channels:
            found.setdefault("channels", {})[value] = payloads.channel(world, world.channels[value]) | {"permissions": ALL_PERMISSIONS}
    return {"resolved": found} if found else {}


def filled(components: list[Json], values: Values) -> list[Json]:
    """The components of a modal as they are submitted; AssertionError for what the client would not let somebody send."""
    known = {one["custom_id"] for one in walk(components) if "custom_id" in one}
    assert set(values) <= known, f"the form has no {sorted(set(values) - known)}; it has {sorted(known)}"
    return [_filled(one, values) for one in components if one["type"] != DISPLAY]


def _filled(one: Json, values: Values) -> Json:
    if one["type"] == ROW:
        return {"type": ROW, "id": one.get("id", 1), "components": [_field(inner, values) for inner in one["components"]]}
    assert one["type"] == LABEL
    return {"type": LABEL, "id": one.get("id", 1), "component": _field(one["component"], values)}


def _field(one: Json, values: Values) -> Json:
    plain: Json = {"type": one["type"], "custom_id": one["custom_id"], "id": one.get("id", 1)}
    given = values.get(one["custom_id"])
    if one["type"] == INPUT:
        text = str(one.get("value") or "" if given is None else given)
        least = one.get("min_length", 0) if text or one.get("required", True) else 0
        assert least <= length(text) <= one.get("max_length", 4000), f"{one['custom_id']!r} takes {least} to {one.get('max_length', 4000)}"
        return plain | {"value": text}
    if one["type"] in SELECTS:
        preset = [o["value"] for o in one.get("options") or () if o.get("default")]
        some = preset if given is None else [given] if isinstance(given, str) else list(given)
        return plain | {"values": chosen(one, some)}
    return plain | {"values": []}
