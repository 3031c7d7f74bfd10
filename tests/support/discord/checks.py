"""The rules Discord checks a message's body against, whoever posts or edits it: types, lengths, flags, pings, nonces. Pure."""

import base64
from collections.abc import Mapping
from typing import NamedTuple

from tests.support.discord.components import VERSION_2, check_components
from tests.support.discord.errors import EMPTY_MESSAGE, ApiError, Json, invalid
from tests.support.discord.shapes import boolean, length, mapping, moment, number, objects, sized, snowflake, text

CONTENT, EMBEDS, EMBED_TEXT, EPHEMERAL, SILENT = 2000, 10, 6000, 64, 1 << 12
SUPPRESS_EMBEDS, VOICE = 1 << 2, 1 << 13
SETTABLE = SUPPRESS_EMBEDS | EPHEMERAL | SILENT | VOICE | VERSION_2
NONCE = 25
OLDER = ("content", "embeds", "sticker_ids", "poll")
EMBED_PARTS: Mapping[str, int] = {"title": 256, "description": 4096}
NESTED_PARTS = (("footer", "text", 2048), ("author", "name", 256))
PARSED = ("roles", "users", "everyone")


class Allowed(NamedTuple):
    """What a body's `allowed_mentions` lets through; without the field everything is let through."""

    everyone: bool = True
    users: frozenset[str] | None = None
    roles: frozenset[str] | None = None
    replied_user: bool = True

    def user(self, user_id: str) -> bool:
        return self.users is None or user_id in self.users

    def role(self, role_id: str) -> bool:
        return self.roles is None or role_id in self.roles


def check(body: Json, files: int = 0, *, partial: bool = False, version_2: bool = False) -> None:
    """Refuse what Discord refuses with 400. `partial`: an edit; `version_2`: of a message that has components of version 2."""
    text("content", body.get("content"), 0, CONTENT, needed=False)
    flags = number("flags", body.get("flags"), 0, 1 << 31) or 0
    if flags & ~SETTABLE and not partial:
        raise invalid("flags", "BITFIELD_TYPE_INVALID", "Invalid flags")
    boolean("tts", body.get("tts"))
    _nonce(body)
    check_embeds(body.get("embeds"))
    allowed_mentions(body)
    objects("attachments", body.get("attachments"))
    newer = bool(flags & VERSION_2) or version_2
    check_components(body.get("components"), version_2=newer)
    for name in OLDER if newer else ():
        if body.get(name):
            raise invalid(name, "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2", f"The '{name}' field cannot be used with version 2")
    if flags & VOICE and not partial:
        _voice(body, files)
    if not partial and not files and not _says(body):
        raise ApiError(*EMPTY_MESSAGE)


def _voice(body: Json, files: int) -> None:
    """A voice message is one file that says how long it is and how it looks, and nothing else."""
    about = [one for one in body.get("attachments") or [] if isinstance(one, dict)]
    if files != 1 or len(about) != 1:
        raise ApiError(400, 50159, "Voice messages must have a single audio attachment")
    if _says(body):
        raise ApiError(400, 50160, "Voice messages do not support additional content")
    form, seconds = str(about[0].get("waveform") or ""), about[0].get("duration_secs")
    if not isinstance(seconds, int | float) or seconds <= 0 or not 0 < len(base64.b64decode(form, validate=True)) <= 256:
        raise ApiError(400, 50161, "Voice messages must have supporting metadata")


def _says(body: Json) -> bool:
    return bool(str(body.get("content") or "").strip()) or any(body.get(n) for n in ("embeds", "components", "sticker_ids", "poll"))


def check_embeds(value: object) -> None:
    """At most ten embeds, each within its limits, together at most 6000 characters."""
    embeds = objects("embeds", value)
    sized("embeds", embeds, 0, EMBEDS)
    for index, embed in enumerate(embeds):
        _embed(f"embeds.{index}", embed)
    if sum(embed_length(e) for e in embeds) > EMBED_TEXT:
        raise invalid("embeds", "MAX_EMBED_SIZE_EXCEEDED", f"Embed size exceeds maximum size of {EMBED_TEXT}")


def _nonce(body: Json) -> None:
    nonce = body.get("nonce")
    boolean("enforce_nonce", body.get("enforce_nonce"))
    if nonce is None:
        return
    if isinstance(nonce, bool) or not isinstance(nonce, int | str):
        raise invalid("nonce", "NONCE_TYPE_INVALID", "Nonce must be a string or an integer.")
    if len(str(nonce)) > NONCE:
        raise invalid("nonce", "NONCE_TYPE_TOO_LONG", f"Nonce length must be less than or equal to {NONCE} characters.")


def _embed(path: str, embed: Json) -> None:
    for name, most in EMBED_PARTS.items():
        text(f"{path}.{name}", embed.get(name), 0, most, needed=False)
    for part, name, most in NESTED_PARTS:
        inner = mapping(f"{path}.{part}", embed.get(part))
        if inner is not None:
            text(f"{path}.{part}.{name}", inner.get(name), 0, most, needed=False)
    number(f"{path}.color", embed.get("color"), 0, 0xFFFFFF)
    _address(f"{path}.url", embed.get("url"))
    moment(f"{path}.timestamp", embed.get("timestamp"))
    for part in ("image", "thumbnail"):
        inner = mapping(f"{path}.{part}", embed.get(part))
        if inner is not None:
            _address(f"{path}.{part}.url", inner.get("url"))
    fields = objects(f"{path}.fields", embed.get("fields"))
    sized(f"{path}.fields", fields, 0, 25)
    for index, entry in enumerate(fields):
        text(f"{path}.fields.{index}.name", entry.get("name"), 1, 256)
        text(f"{path}.fields.{index}.value", entry.get("value"), 1, 1024)
        boolean(f"{path}.fields.{index}.inline", entry.get("inline"))


def _address(field: str, value: object) -> None:
    text(field, value, 0, 2048, needed=False)
    if value and not str(value).startswith(("http://", "https://", "attachment://")):
        raise invalid(
            field, "URL_TYPE_INVALID_SCHEME", f"Scheme \"{str(value)[:10]}\" is not supported. Scheme must be one of ('http', 'https')."
        )


def embed_length(embed: Json) -> int:
    """Characters of an embed that count towards the 6000."""
    parts = [embed.get("title"), embed.get("description"), (embed.get("footer") or {}).get("text"), (embed.get("author") or {}).get("name")]
    for entry in embed.get("fields") or []:
        parts += [entry.get("name"), entry.get("value")]
    return sum(length(str(p)) for p in parts if p)


def allowed_mentions(body: Json) -> Allowed:
    """What may be pinged. Raises 400 for what Discord does not take: unknown words, too many ids, a kind given in both ways."""
    given = mapping("allowed_mentions", body.get("allowed_mentions"))
    if given is None:
        return Allowed()
    parse = given.get("parse") or []
    if not isinstance(parse, list):
        raise invalid("allowed_mentions.parse", "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
    for index, word in enumerate(parse):
        if word not in PARSED:
            raise invalid(f"allowed_mentions.parse.{index}", "BASE_TYPE_CHOICES", f"Value must be one of {PARSED}.")
    boolean("allowed_mentions.replied_user", given.get("replied_user"))
    named = {kind: _named(given, kind) for kind in ("users", "roles")}
    for kind, ids in named.items():
        if ids and kind in parse:
            message = f'parse:["{kind}"] and {kind}: [ids...] are mutually exclusive.'
            raise invalid("allowed_mentions", "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", message)
    some = {kind: None if kind in parse else ids for kind, ids in named.items()}
    return Allowed("everyone" in parse, some["users"], some["roles"], given.get("replied_user") is True)


def _named(given: Json, kind: str) -> frozenset[str]:
    ids = given.get(kind) or []
    field = f"allowed_mentions.{kind}"
    if not isinstance(ids, list):
        raise invalid(field, "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
    if len(ids) > 100:
        raise invalid(field, "BASE_TYPE_MAX_LENGTH", "Must be 100 or fewer in length.")
    found = [snowflake(f"{field}.{index}", one) or "" for index, one in enumerate(ids)]
    if len(set(found)) != len(found):
        raise invalid(field, "SET_TYPE_ALREADY_CONTAINS_VALUE", "The set already contains this value")
    return frozenset(found)
