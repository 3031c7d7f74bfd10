"""One explicit command sync: Discord is told the commands when they differ from what it has, and never otherwise."""

from typing import Any

import nextcord

from bot.discord.payload import Json
from bot.discord.rest import Rest
from engine import log

_log = log.get("discord.sync")
_TOP = ("name", "description")
_OPTION = ("type", "name", "description", "min_value", "max_value", "min_length", "max_length")


def payloads(client: nextcord.Client) -> list[Json]:
    """The commands as Discord takes them, made from the handlers' signatures (J5), by name."""
    client.add_all_application_commands()
    made = [command.get_payload(None) for command in client.get_all_application_commands()]
    return sorted((_tidy(payload) for payload in made), key=lambda p: str(p["name"]))


def _tidy(payload: Json) -> Json:
    """Without what says nothing: nextcord sends `nsfw` and null translations with every command."""
    return {k: v for k, v in payload.items() if v is not None and not (k == "nsfw" and v is False)}


def same(ours: Json, theirs: Json) -> bool:
    """Whether Discord has this command as it is."""
    return _essence(ours, _TOP) == _essence(theirs, _TOP)


def _essence(node: Json, names: tuple[str, ...]) -> Json:
    kept: dict[str, Any] = {name: node.get(name) for name in names}
    for flag in ("required", "autocomplete"):
        kept[flag] = bool(node.get(flag))
    kept["choices"] = [(c.get("name"), c.get("value")) for c in node.get("choices") or []]
    kept["options"] = [_essence(option, _OPTION) for option in node.get("options") or []]
    return kept


async def sync(client: nextcord.Client, rest: Rest, application_id: int) -> bool:
    """Make Discord's commands ours and tell nextcord their ids; True when something had to be changed."""
    path = f"/applications/{application_id}/commands"
    ours, theirs = payloads(client), await rest.call("GET", path)
    known = {str(entry["name"]): entry for entry in theirs}
    changed = set(known) != {p["name"] for p in ours} or not all(same(p, known[p["name"]]) for p in ours)
    if changed:
        theirs = await rest.call("PUT", path, ours)
        _log.info("commands told to Discord", commands=len(ours))
    for entry in theirs:
        command = client.get_application_command_from_signature(str(entry["name"]), type=int(entry.get("type", 1)))
        if isinstance(command, nextcord.BaseApplicationCommand):
            command.parse_discord_response(client._connection, entry)
            client.add_application_command(command)
    return changed
