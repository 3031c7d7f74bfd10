"""Door by door: what is put into every field of what others send or write, each kind of poison, and the kind of answer.

A door answers with what it understood or with its own refusal, never with anything else; what it understood can be stored and printed.
The console's doors are in tests/service/test_poison_console.py.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
import pytest
from pydantic import BaseModel

from bot import scripts
from bot.discord import pluralkit, reactions, translate
from bot.discord.translate import ChannelFacts, Us
from engine import config
from engine.archive import lines
from engine.cards import proxies
from engine.cards.card import read_card
from engine.cards.mapping import mapped
from engine.cards.refusal import Unreadable
from engine.chatlogs.reading import read_chats
from engine.config import Settings
from engine.decide.places.bulletin import release_of
from engine.errors import SettingsError
from engine.lore.files import NotALorebook, read_book
from engine.oldmemories import reading as old_memories
from engine.resources.files import from_file
from engine.resources.kinds import CHARACTER, PRESET
from engine.resources.typed import Wrong
from engine.shapes.backup import read_backup
from engine.shapes.mapping import planned
from tests.support import cards, chatlogs, poison, shapes
from worker.jobs import catalogue
from worker.providers.shapes import as_dict

US, GUILD = Us(user_id=900, application_id=901), ChannelFacts(guild_id=300)
AUTHOR = {"id": "7", "username": "alice", "global_name": "Alice"}
MEMBER = {"nick": "Al", "roles": ["5", "6"], "user": AUTHOR}
FILE = {"id": "1", "filename": "a.png", "content_type": "image/png", "size": 10, "url": "https://x.example/a.png", "width": 1, "height": 1}
EMBED = {"title": "t", "description": "d", "url": "u", "author": {"name": "n"}, "fields": [{"name": "a", "value": "b"}]}
POLL = {"question": {"text": "q"}, "answers": [{"poll_media": {"text": "a", "emoji": {"name": "x"}}}]}
INNER = {"content": "f", "attachments": [FILE], "embeds": [EMBED], "sticker_items": [{"id": "3", "name": "s", "format_type": 1}]}
MESSAGE: dict[str, Any] = {
    "id": "100",
    "channel_id": "200",
    "guild_id": "300",
    "type": 0,
    "content": "<@8> hello <#9>",
    "author": AUTHOR,
    "member": MEMBER,
    "mentions": [AUTHOR | {"id": "8", "member": MEMBER}],
    "mention_roles": ["5"],
    "attachments": [FILE],
    "embeds": [EMBED],
    "poll": POLL,
    "message_reference": {"message_id": "50", "type": 0},
    "referenced_message": {"id": "50", "author": AUTHOR, "webhook_id": "1"},
    "message_snapshots": [{"message": INNER}],
    "edited_timestamp": "2026-01-01T00:00:00+00:00",
    "webhook_id": "4",
    "application_id": "5",
}
REACTION = {
    "message_id": "100",
    "channel_id": "200",
    "guild_id": "300",
    "user_id": "7",
    "member": MEMBER,
    "emoji": {"id": "3", "name": "x"},
}
MODEL = {
    "id": "a/b",
    "name": "A",
    "context_length": 8000,
    "top_provider": {"context_length": 1, "max_completion_tokens": 5},
    "pricing": {"prompt": "0.1", "completion": "0.2"},
    "supported_parameters": ["reasoning"],
    "architecture": {"input_modalities": ["text", "image"]},
}
RELEASE = {"action": "published", "release": {"tag_name": "v1", "name": "One", "body": "News", "html_url": "https://x.example"}}
SCRIPTS = [
    {"scriptName": "s", "findRegex": "/a/g", "replaceString": "b", "placement": [1], "minDepth": 0, "maxDepth": 5, "disabled": False}
]
OLD = [
    {
        "id": "a/b",
        "senders": ["s"],
        "result": "r",
        "group": True,
        "deleted": False,
        "metadata": {"created_at": 1.5, "discord_channel_id": "1"},
    },
    {"sourceSystem": "tzurot-v3", "content": "c", "personaId": "p", "channelId": "1", "createdAt": "2024-05-06T07:08:09Z"},
]
PROXIES = {
    "members": [{"id": "a", "name": "n", "display_name": "d", "description": "x", "birthday": "2000-01-01", "group_id": 1}],
    "groups": [],
}
FULL = {"kind": "preset", "name": "Mine", "model": "a/b", "temperature": 1.0, "stop": ["x"], "max_age_s": 5, "reasoning": {"effort": "low"}}
LINE = {
    "position": 1,
    "id": "01a21f8b-a1ad-7000-8000-000000000001",
    "stream": "s",
    "version": 1,
    "type": "t",
    "schema": 1,
    "occurred_at": "2026-01-01T00:00:00Z",
    "recorded_at": "2026-01-01T00:00:00Z",
    "data": {"a": 1},
    "guild": 1,
    "subject": "user:1",
}


def _raw(tree: object) -> bytes:
    return json.dumps(tree).encode()


def _everything(payload: Any) -> object:
    """What every reader of a message makes of it."""
    translate.answers_us(payload, US), translate.is_proxied(payload), translate.roles_of(payload)
    return [translate.message(payload, GUILD, US), translate.edit(payload, GUILD, US), *translate.deletions(payload)]


def _tavern(rows: Any) -> object:
    return read_chats(b"\n".join(map(_raw, rows)))


def _backup(trees: Any) -> object:
    return planned(read_backup(shapes.opened({name: _raw(tree) for name, tree in trees.items()})))


@dataclass(frozen=True)
class PoisonedDoor:
    """A good thing as others send it, what reads it, and how that may refuse."""

    good: Any
    read: Callable[[Any], object]
    refusals: tuple[type[Exception], ...] = ()
    raw: Callable[[bytes], object] | None = None
    """What reads bytes that may be no JSON."""


DOORS = {
    "a message of the gateway": PoisonedDoor(MESSAGE, _everything),
    "a deletion of many": PoisonedDoor({"ids": ["1", "2"], "channel_id": "5", "guild_id": "6"}, translate.deletions),
    "a reaction": PoisonedDoor(REACTION, lambda tree: (reactions.added(tree, US), reactions.removed(tree, US), reactions.cleared(tree))),
    "typing": PoisonedDoor({"channel_id": "1", "guild_id": "2", "user_id": "7", "timestamp": 5}, lambda tree: translate.typed(tree, US)),
    "PluralKit's answer": PoisonedDoor(
        {"original": "1", "sender": "2"}, lambda tree: pluralkit._said(_raw(tree)), (ValueError,), pluralkit._said
    ),
    "the provider's catalogue": PoisonedDoor(
        {"data": [MODEL]},
        lambda tree: [catalogue.offered(as_dict(entry)) for entry in catalogue._listed(json.dumps(tree)) or []],
        raw=lambda raw: catalogue._listed(raw.decode("utf-8", "replace")),
    ),
    "the release hook": PoisonedDoor(RELEASE, release_of),
    "a card": PoisonedDoor(cards.v3(), lambda tree: mapped(read_card(_raw(tree))), (Unreadable,), lambda raw: mapped(read_card(raw))),
    "a lorebook": PoisonedDoor(cards.book(), read_book, (NotALorebook,)),
    "regex scripts": PoisonedDoor(SCRIPTS, scripts.read),
    "a chat log": PoisonedDoor(chatlogs.tavern(), _tavern, (Unreadable,), read_chats),
    "memories of before": PoisonedDoor(OLD, lambda tree: old_memories.read(_raw(tree)), (), old_memories.read),
    "a backup of shapes.inc": PoisonedDoor(shapes.files(), _backup, (Unreadable,)),
    "an export of proxies": PoisonedDoor(PROXIES, lambda tree: proxies.read_export(_raw(tree)), (Unreadable,), proxies.read_export),
    "a preset's file": PoisonedDoor(FULL, lambda tree: from_file(PRESET, tree), (Wrong,)),
    "a character's file": PoisonedDoor({"name": "Mine", "slug": "mine", "age": "5"}, lambda tree: from_file(CHARACTER, tree), (Wrong,)),
    "an archive's line": PoisonedDoor(LINE, lambda tree: lines.read_line(_raw(tree)), (lines.NotALine,), lines.read_line),
}
TEXTS = {name: text[:50_000] for name, text in poison.TEXTS.items()}
MOST_PLACES = 70
STORED = {"a message of the gateway", "a reaction", "the provider's catalogue"}
"""What is stored as it comes out."""


@pytest.mark.parametrize("door", DOORS)
def test_no_poison_in_any_field_is_answered_otherwise(door: str) -> None:
    """Field by field, each kind of text and of value."""
    there = DOORS[door]
    there.read(there.good)
    for place in list(poison.places(there.good))[:MOST_PLACES]:
        for name, odd in {**TEXTS, **poison.VALUES}.items():
            made = poison.put(there.good, place, odd)
            _try(there, partial(there.read, made), f"{place}: {name}", stored=door in STORED)


@pytest.mark.parametrize("door", [name for name, door in DOORS.items() if door.raw is not None])
def test_what_is_no_json_is_answered_as_that(door: str) -> None:
    """A key twice, NaN, numbers without an end, depths without an end, bytes that are no text."""
    there = DOORS[door]
    assert there.raw is not None
    for number, raw in enumerate(poison.raw(there.good if isinstance(there.good, dict) else there.good[0])):
        _try(there, partial(there.raw, raw), f"number {number}")


def _try(there: PoisonedDoor, act: Callable[[], object], what: str, *, stored: bool = False) -> None:
    try:
        found = act()
    except there.refusals:
        return
    except Exception as error:
        raise AssertionError(f"{what}: {type(error).__name__}: {error}"[:300]) from error
    for one in found if stored and isinstance(found, list | tuple) else []:
        if isinstance(one, BaseModel):
            assert b"\\u0000" not in orjson.dumps(one.model_dump(mode="json")), f"{what}: NUL came through"


SETTINGS = [name for name in Settings.model_fields if name != "tzurot_data"]


@pytest.mark.parametrize("name", SETTINGS)
def test_no_poison_in_a_setting_is_answered_otherwise(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Taken, or refused in a sentence that names the setting and not its value; NUL cannot stand in an environment."""
    for kind, odd in TEXTS.items():
        if "\x00" in odd:
            continue
        monkeypatch.setenv(name.upper(), odd.replace("\ud800", "\udcff"))  # as bytes that are no UTF-8 come in
        try:
            config.load(None)
            said = ""
        except SettingsError as refused:
            said = str(refused)
        assert name.upper() in said or not said, kind
        assert len(said) < 1_000, kind
