"""From Discord's payloads to events: every field survives or stands in a dropped list (J2), whatever arrives."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.discord import parts
from bot.discord.payload import clean, leaves
from bot.discord.translate import DROPPED, MOST_GONE, MOST_NAMES, ChannelFacts, Ignored, Us, deletions, edit, message
from engine.events.message import MessageEdited, MessageReceived
from tests.support.examples import examples

US = Us(user_id=900, application_id=901)
GUILD = ChannelFacts(guild_id=300)


def payload(**more: object) -> dict[str, Any]:
    """A plain message of a person in a guild."""
    author = {"id": "7", "username": "alice", "global_name": "Alice", "discriminator": "0", "avatar": None}
    plain = {"id": "100", "channel_id": "200", "guild_id": "300", "type": 0, "content": "hello", "author": author, "mentions": []}
    return plain | more


def received(**more: object) -> MessageReceived:
    found = message(payload(**more), GUILD, US)
    assert isinstance(found, MessageReceived), found
    return found


def test_a_plain_message() -> None:
    """Who, where, what."""
    found = received()
    assert (found.message_id, found.channel_id, found.guild_id, found.author_id) == (100, 200, 300, 7)
    assert (found.text, found.author_name, found.author_kind) == ("hello", "Alice", "human")
    assert (found.channel_kind, found.venue) == ("guild", "discord")
    assert (found.reply_to, found.mentions_bot, found.dropped) == (None, False, ())


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"member": {"nick": "Al"}}, "Al"),
        ({"member": {"nick": None}}, "Alice"),
        ({"author": {"id": "7", "username": "alice", "global_name": None}}, "alice"),
    ],
)
def test_people_are_called_what_others_see(fields: dict[str, object], name: str) -> None:
    """Nickname, else display name, else user name."""
    assert received(**fields).author_name == name


REPLIED: dict[str, Any] = {"id": "50", "author": {"id": "900"}}
REFERENCE = {"message_id": "50", "channel_id": "200", "type": 0}


@pytest.mark.parametrize(
    ("fields", "pings"),
    [
        ({"referenced_message": REPLIED, "mentions": [{"id": "900", "username": "tzurot"}]}, True),
        ({"referenced_message": REPLIED, "mentions": []}, False),
        ({"referenced_message": REPLIED | {"webhook_id": "5"}, "mentions": []}, True),
        ({"referenced_message": None, "mentions": []}, True),
        ({"referenced_message": REPLIED, "mentions": [], "guild_id": None}, True),
    ],
    ids=["ping on", "ping off", "a webhook's message never shows the toggle", "target deleted", "no toggle in DMs"],
)
def test_the_reply_toggle(fields: dict[str, object], pings: bool) -> None:
    """Off only where it is known to be off."""
    found = message(payload(message_reference=REFERENCE, type=19, **fields), ChannelFacts("dm"), US)
    assert isinstance(found, MessageReceived)
    assert (found.reply_to, found.reply_pings) == (50, pings)


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"author": {"id": "8", "username": "robot", "bot": True}}, "bot"),
        ({"webhook_id": "9", "author": {"id": "9", "username": "PK", "bot": True}}, "webhook"),
        ({"webhook_id": "9", "application_id": "77", "author": {"id": "9", "username": "PK"}}, "webhook"),
    ],
)
def test_programs_are_known_as_such(fields: dict[str, object], kind: str) -> None:
    """Bots and webhooks are kept as context under their kind."""
    assert received(**fields).author_kind == kind


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"author": {"id": "900", "username": "tzurot", "bot": True}}, "our own message"),
        ({"webhook_id": "9", "application_id": "901"}, "our own message"),
        ({"type": 7}, "a notice by Discord"),
        ({"id": None}, "without an id"),
        ({"channel_id": {}}, "without an id"),
    ],
)
def test_what_is_not_news(fields: dict[str, object], why: str) -> None:
    """Our own words, notices, and what cannot be a message."""
    assert message(payload(**fields), GUILD, US) == Ignored(why)  # type: ignore[arg-type]


@pytest.mark.parametrize(("text", "expected"), [("<@900> hi", True), ("<@!900>", True), ("<@9001>", False), ("@tzurot", False)])
def test_a_real_mention_stands_in_the_text(text: str, expected: bool) -> None:
    """A reply's ping puts the bot into `mentions` too; only the text tells."""
    assert received(content=text, mentions=[{"id": "900", "username": "tzurot"}]).mentions_bot is expected


CAT = {"id": "1", "filename": "a.png", "url": "https://cdn/a.png", "content_type": "image/png", "size": 5, "description": "a cat"}
VOICE = {"id": "2", "filename": "v.ogg", "url": "https://cdn/v.ogg", "content_type": "audio/ogg", "waveform": "AA", "duration_secs": 2.5}
CARD = {"title": "T", "description": "D", "fields": [{"name": "N", "value": "V"}], "image": {"url": "https://i"}}
TEA = {"question": {"text": "Tea?"}, "answers": [{"answer_id": 1, "poll_media": {"text": "Yes", "emoji": {"name": "🍵"}}}]}
SAID_THERE = {"content": "said there", "attachments": [{"id": "5", "filename": "b.txt", "url": "u", "size": 1}]}


def test_stickers_polls_embeds_files_and_forwards_are_kept() -> None:
    """A11: every message kind arrives with what it says."""
    found = received(
        content="",
        attachments=[CAT, VOICE],
        sticker_items=[{"id": "3", "name": "Wave", "format_type": 3}, {"id": "4", "name": "Dance", "format_type": 4}],
        embeds=[CARD],
        poll=TEA,
        message_reference={"type": 1, "message_id": "60", "channel_id": "61"},
        message_snapshots=[{"message": SAID_THERE}],
    )
    assert [(a.kind, a.name) for a in found.attachments] == [
        ("image", "a.png"),
        ("voice", "v.ogg"),
        ("sticker", "Wave"),
        ("sticker", "Dance"),
        ("embed", "T"),
        ("image", "embed image"),
        ("poll", "Tea?"),
    ]
    assert [a.text for a in found.attachments] == ["a cat", "2.5 s", "", "", "T\nD\nN\nV", "", "Tea?\n- 🍵 Yes"]
    assert found.attachments[2].media_type == "application/json"
    assert [(f.text, f.attachments[0].name) for f in found.forwards] == [("said there", "b.txt")]
    assert found.reply_to is None


def test_edits_and_what_only_looks_like_one() -> None:
    """An unfurled link is MESSAGE_UPDATE too, but nobody edited anything."""
    found = edit(payload(edited_timestamp="2026-01-01T00:00:01.500000+00:00", content="changed"), GUILD, US)
    assert isinstance(found, MessageEdited)
    assert (found.text, found.edited_ms % 1000, found.author_id) == ("changed", 500, 7)
    assert edit(payload(edited_timestamp=None), GUILD, US) == Ignored("not an edit of the text")
    assert edit({"id": "1", "channel_id": "2", "embeds": []}, GUILD, US) == Ignored("not an edit of the text")


def test_deletions_one_and_many() -> None:
    """MESSAGE_DELETE and MESSAGE_DELETE_BULK."""
    assert [d.message_id for d in deletions({"id": "1", "channel_id": "2", "guild_id": "3"})] == [1]
    assert [d.message_id for d in deletions({"ids": ["1", "5"], "channel_id": "2"})] == [1, 5]


@given(st.text(st.characters(codec=None)))
def test_cleaned_text_can_be_stored(text: str) -> None:
    """Lone surrogates and NUL are the only things that change."""
    cleaned = clean(text)
    assert cleaned.encode().decode() == cleaned
    assert "\0" not in cleaned
    if not any("\ud800" <= c <= "\udfff" or c == "\0" for c in text):
        assert cleaned == text


NAMES = ("filename", "url", "proxy_url", "content_type", "title", "description", "waveform", "id")
FILE: dict[str, Any] = {"size": int} | dict.fromkeys(NAMES, str)
POLL: dict[str, Any] = {
    "question": {"text": str},
    "answers": [{"answer_id": int, "poll_media": {"text": str, "emoji": {"name": str, "id": str}}}],
    "expiry": str,
}
EMBED: dict[str, Any] = {
    "title": str,
    "description": str,
    "url": str,
    "author": {"name": str, "url": str, "icon_url": str},
    "provider": {"name": str, "url": str},
    "footer": {"text": str, "icon_url": str},
    "fields": [{"name": str, "value": str}],
    "image": {"url": str, "proxy_url": str},
    "thumbnail": {"url": str},
    "video": {"url": str},
    "timestamp": str,
}
INNER: dict[str, Any] = {
    "content": str,
    "attachments": [FILE],
    "sticker_items": [{"id": int, "name": str, "format_type": 4}],
    "embeds": [EMBED],
    "poll": POLL,
    "mentions": [{"username": str}],
}
FIELDS: dict[str, Any] = INNER | {
    "webhook_id": int,
    "position": int,
    "nonce": str,
    "author": {"id": int, "username": str, "global_name": str, "avatar": str, "clan": {"tag": str}},
    "member": {"nick": str, "roles": [str]},
    "mentions": [{"id": int, "username": str, "global_name": str, "member": {"nick": str}}],
    "mention_roles": [str],
    "message_reference": {"message_id": int, "channel_id": str},
    "referenced_message": {"content": str, "author": {"id": str}},
    "components": [{"custom_id": str}],
    "interaction_metadata": {"user": {"username": str}},
    "message_snapshots": [{"message": INNER}],
    "brand_new": {"thing": [str]},
}


def filled(shape: Any, numbers: Iterator[int], skip: st.DataObject) -> Any:
    """The shape with a token of its own in every field; some fields are left out."""
    if isinstance(shape, dict):
        return {k: filled(v, numbers, skip) for k, v in shape.items() if not skip.draw(st.sampled_from([False, False, False, True]))}
    if isinstance(shape, list):
        return [filled(shape[0], numbers, skip) for _ in range(skip.draw(st.integers(0, 2)))]
    if shape is str:
        return f"tok{next(numbers)}x"
    return next(numbers) if shape is int else shape


def test_what_ids_stand_for_is_kept_by_kind() -> None:
    """People as the payload names them, in what is forwarded too; roles and channels as the server calls them, if it is known."""
    bob = {"id": "42", "username": "bob", "member": {"nick": "Bobby"}}
    eve = {"id": "43", "username": "eve"}
    inner = {"message": {"content": "<@43> in <#10>", "mentions": [eve]}}
    known = {"#9": "lobby", "#10": "attic", "&7": "Mods"}
    full = payload(content="<@42> <#9> <@&7> <@&8>", mentions=[bob], message_snapshots=[inner])
    found = message(full, GUILD, US, lambda key, guild: known.get(key, "") if guild == 300 else "")
    assert isinstance(found, MessageReceived)
    assert found.mentioned == {"42": "Bobby", "43": "eve", "#9": "lobby", "&7": "Mods", "#10": "attic"}


def at(data: Any, path: str) -> Iterator[object]:
    """Values of a payload at a path such as `embeds[].title`."""
    head, _, rest = path.partition(".")
    name, many = head.removesuffix("[]"), head.endswith("[]")
    value = data.get(name) if isinstance(data, dict) else None
    for inner in (value if isinstance(value, list) else []) if many else [value]:
        yield from at(inner, rest) if rest else [inner]


@examples(20)
@given(st.data())
def test_every_field_survives_or_is_named(data: st.DataObject) -> None:
    """J2: a token in each field is found again in the event, or its path is in a dropped list."""
    numbers = iter(range(10**9, 10**10))
    shape = FIELDS | {"attachments": [FILE | {"newer": str}]}
    full = payload(**filled(shape, numbers, data))
    full["author"] = {"id": "7", "username": "alice"} | full.get("author", {})
    found = message(full, GUILD, US)
    assert isinstance(found, MessageReceived)
    kept = json.dumps(found.model_dump(mode="json"))
    known = DROPPED | set(found.dropped)
    for path in set(leaves(full)) - {"type", "sticker_items[].format_type", "message_snapshots[].message.sticker_items[].format_type"}:
        if any(path == k or path.startswith((k + ".", k + "[]")) for k in known):
            continue
        tokens = [str(v) for v in at(full, path) if v is not None]
        assert all(t in kept for t in tokens), path
    if "brand_new" in full and full["brand_new"].get("thing"):
        assert "brand_new.thing[]" in found.dropped


KEYS = st.sampled_from([*FIELDS, "id", "channel_id", "message", "type"])
SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6), max_leaves=25)


@examples(40)
@given(st.dictionaries(st.sampled_from([*FIELDS, "id", "channel_id", "type", "edited_timestamp"]), JSON, max_size=12))
def test_no_payload_breaks_the_translation(garbage: dict[str, Any]) -> None:
    """Whatever shape arrives, the answer is an event or a reason."""
    for whole in (garbage, payload(**garbage)):
        assert isinstance(message(whole, GUILD, US), MessageReceived | Ignored)
        assert isinstance(edit(whole, GUILD, US), MessageEdited | Ignored)
        deletions({"channel_id": "1", "id": whole.get("id")})


def test_of_what_has_no_end_the_beginning_is_read() -> None:
    """However long its lists and however deep: nobody waits for one person's payload."""
    many = 5_000
    deep: dict[str, Any] = {}
    for _ in range(400):
        deep = {"deeper": deep, "there": 1}
    found = received(
        embeds=[{"title": "t", "fields": [{"name": "n", "value": "v"}] * many}] * many,
        attachments=[{"id": "1", "filename": "f"}] * many,
        poll={"question": {"text": "q"}, "answers": [{"poll_media": {"text": "a"}}] * many},
        message_snapshots=[{"message": {"content": "f"}}] * many,
        mentions=[{"id": str(number), "username": "u"} for number in range(many)],
        deep=deep,
        **{f"unknown {number}": 1 for number in range(many)},
    )
    assert len(found.attachments) == 2 * parts.MOST + 1
    assert len(found.forwards) == parts.SNAPSHOTS
    assert len(found.mentioned) <= MOST_NAMES
    assert len(found.dropped) == 50
    assert len(deletions({"ids": list(map(str, range(1, many))), "channel_id": "5"})) == MOST_GONE
