"""What becomes of each part of a shape: our fields, custom fields, a preset, memories, lines of a conversation. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.cards import trees
from engine.chatlogs.log import BadLines, ChatLog, ChatVariant, LoggedLine, StreamedLines
from engine.chatlogs.times import moment
from engine.resources.typed import tidy
from engine.shapes.backup import ShapesBackup

FIELDS = {
    "name": "name",
    "username": "slug",
    "jailbreak": "system_prompt",
    "user_prompt": "info",
    "personality_traits": "traits",
    "personality_tone": "tone",
    "personality_age": "age",
    "personality_likes": "likes",
    "personality_dislikes": "dislikes",
    "personality_appearance": "appearance",
    "personality_conversational_goals": "goals",
    "personality_conversational_examples": "examples",
    "error_message": "error_message",
    "birthday": "birthday",
    "avatar": "avatar_url",
}
"""Theirs to ours."""
INNER = {"appearance": "appearance", "shape_initial_message": "greeting"}
"""The same, of what stands in `shape_settings`."""
PRESET = {
    "engine_model": "model",
    "engine_temperature": "parameters.temperature",
    "engine_top_p": "parameters.top_p",
    "engine_top_k": "parameters.top_k",
    "engine_frequency_penalty": "parameters.frequency_penalty",
    "engine_presence_penalty": "parameters.presence_penalty",
    "engine_repetition_penalty": "parameters.repetition_penalty",
    "engine_min_p": "parameters.min_p",
    "engine_top_a": "parameters.top_a",
    "stm_window": "window.max_messages",
}
DROPPED = ("credits", "moderation", "user_id", "blocked_user_id", "user_count", "message_count")
"""Beginnings of names that say nothing of the character: accounting of their site."""
_LINE = ("message", "reply", "ts", "regenerated_replies")
_OF_MEMORY = ("result",)
_OF_KNOWLEDGE = ("title", "content", "text")
"""The words of a record: what is remembered. Whatever else it says is kept beside it, as it is."""
_NOTHING: tuple[object, ...] = (None, "", [], {}, False)
MOST_NAMES, MOST_SENDERS = 100, 100
LONGEST = 4000
"""Characters of one memory."""


@dataclass(frozen=True, slots=True)
class ShapesMemory:
    """One thing to remember. `part`: a longer text is several memories, and what was told besides stands in `rest` of the first.

    `senders` are ids of the people there whose talk it is of; `speaker` is what they are called here where it is not the importer.
    `rest` is JSON, or empty: a hundred thousand objects would cost everybody a tenth of a second each time the collector walks them.
    """

    text: str
    at: datetime | None
    part: int = 0
    senders: tuple[str, ...] = ()
    rest: bytes = b""
    speaker: str = ""


@dataclass(frozen=True, slots=True)
class ShapesPlan:
    """What a backup makes. `character` and `preset` are files of ours; `told` says of each field that is no field here what becomes of it.

    `skipped`: records that are no memories, with why. memories + skipped (+ repeats, found when they are stored) are all records.
    """

    character: Mapping[str, Any]
    preset: Mapping[str, Any]
    memories: tuple[ShapesMemory, ...]
    skipped: Mapping[str, int]
    records: int
    chat: ChatLog
    told: tuple[str, ...]


def planned(backup: ShapesBackup) -> ShapesPlan:
    """Map a backup."""
    character, told = _character(backup)
    preset = {ours: backup.config[theirs] for theirs, ours in PRESET.items() if backup.config.get(theirs) is not None}
    memories, skipped, records = list[ShapesMemory](), dict[str, int](), 0
    left = dict[str, None]()
    for found in _records(backup, left):
        records += 1
        if isinstance(found, str):
            skipped[found] = skipped.get(found, 0) + 1
        else:
            memories += found
    if left:
        told.append(f"Kept beside each memory, as it is: {', '.join(left)}")
    told += [f"{path}: it is none of a backup's files" for path in backup.strange]
    return ShapesPlan(character, _preset(preset, backup), tuple(memories), skipped, records, _chat(backup), tuple(told))


def _character(backup: ShapesBackup) -> tuple[dict[str, Any], list[str]]:
    tree, custom, told = dict[str, Any](), dict[str, Any](), list[str]()
    settings = backup.config.get("shape_settings")
    for name, value in backup.config.items():
        if name in FIELDS and isinstance(value, str | int | float) and not isinstance(value, bool):
            tree[FIELDS[name]] = value
            custom |= {name: value} if name in ("avatar", "birthday") else {}  # raw, where ours may not take it
        elif name in PRESET and value is not None:
            told.append(f"{name}: part of the preset")
        elif name.startswith(DROPPED):
            told.append(f"{name}: left out, it is their site's accounting")
        elif name == "private":
            tree["visibility"] = "private" if value is not False else "public"
        elif value not in (None, "", [], {}):
            custom[name] = value
            told.append(f"{name}: kept as a custom field")
    for name, ours in INNER.items():
        if isinstance(settings, dict) and isinstance(settings.get(name), str) and settings[name] and not tree.get(ours):
            tree[ours] = settings[name]
    extra = {"training": list(backup.lists.get("training", ())), "userPersonalization": dict(backup.personalization)}
    custom |= {name: value for name, value in extra.items() if value}
    custom |= {"shapesId": backup.config.get("id"), "shapesUsername": backup.config.get("username"), "importSource": "shapes.inc"}
    return tree | {"custom": custom}, told


def _preset(found: dict[str, Any], backup: ShapesBackup) -> dict[str, Any]:
    tree: dict[str, Any] = {"name": f"{backup.config.get('name') or 'Shape'}"[:80]} if "model" in found else {}
    for key, value in found.items() if tree else ():
        group, _, name = key.rpartition(".")
        (tree.setdefault(group, {}) if group else tree)[name] = value
    return tree


def _records(backup: ShapesBackup, left: dict[str, None]) -> Iterator[list[ShapesMemory] | str]:
    """What becomes of each record; `left` collects the names of what they say besides."""
    for part, made, taken in (("memories", _memory, _OF_MEMORY), ("knowledge", _knowledge, _OF_KNOWLEDGE)):
        for one in backup.lists.get(part, ()):
            found = made(one)
            if not isinstance(found, str) and len(left) < MOST_NAMES:
                left |= dict.fromkeys(name for name in _named(one) if name not in (*taken, "metadata"))
            yield found


def _named(one: Any) -> Iterator[str]:
    """The names of what a record says, and of what it says about itself."""
    about = one.get("metadata") if isinstance(one, dict) else None
    yield from (str(name)[:60] for name, value in one.items() if value not in _NOTHING) if isinstance(one, dict) else ()
    yield from (f"metadata.{name}"[:60] for name, value in about.items() if value not in _NOTHING) if isinstance(about, dict) else ()


def _memory(one: Any) -> list[ShapesMemory] | str:
    if not isinstance(one, dict):
        return "no record"
    about = one.get("metadata")
    inner = about if isinstance(about, dict) else {}
    text = one.get("result")
    if one.get("deleted") is True:
        return "deleted there"
    if not isinstance(text, str) or not tidy(text):
        return "empty"
    at = next((found for value in (inner.get("end_ts"), one.get("created_at"), inner.get("created_at")) if (found := moment(value))), None)
    senders = one.get("senders") or inner.get("senders")
    return _parts(tidy(text), at, _besides(one, _OF_MEMORY), _ids(senders))


def _ids(senders: object) -> tuple[str, ...]:
    found = [str(one)[:100].strip() for one in senders if isinstance(one, str | int)] if isinstance(senders, list) else []
    return tuple(dict.fromkeys(one for one in found if one))[:MOST_SENDERS]


def _besides(one: Mapping[str, Any], words: tuple[str, ...]) -> bytes:
    """What a record says besides its words; a word that is no text is no word."""
    found = {str(name): value for name, value in one.items() if name not in words or not isinstance(value, str)}
    return trees.written(found) if found else b""


def _knowledge(one: Any) -> list[ShapesMemory] | str:
    if isinstance(one, str):
        one = {"content": one}
    if not isinstance(one, dict):
        return "no record"
    if one.get("deleted") is True:
        return "deleted there"
    texts = [str(one[name]).strip() for name in ("title", "content", "text") if isinstance(one.get(name), str) and one[name].strip()]
    return _parts("\n".join(texts), moment(one.get("created_at")), _besides(one, _OF_KNOWLEDGE)) if texts else "empty"


def _parts(text: str, at: datetime | None, rest: bytes, senders: tuple[str, ...] = ()) -> list[ShapesMemory]:
    starts = range(0, len(text), LONGEST)
    return [ShapesMemory(text[at_ : at_ + LONGEST], at, n, senders, b"" if n else rest) for n, at_ in enumerate(starts)]


def _chat(backup: ShapesBackup) -> ChatLog:
    """The conversation, read anew from the backup whenever its lines are asked for; here they are counted, and what is none is told."""
    name, count, bad = str(backup.config.get("name") or "Shape"), 0, BadLines()
    for number, one in enumerate(backup.messages, 1):
        lines = list(_lines(one, name))
        count += len(lines)
        if not lines:
            bad.add(f"Message {number}: {'It says nothing.' if isinstance(one, dict) else 'It is no message.'}")
    head = {key: value for key, value in backup.chat.items() if key != "messages"}
    said = StreamedLines(lambda: (line for one in backup.messages for line in _lines(one, name)), count)
    return ChatLog("shapes.inc", said, "You", name, bad.told(), head)


def _lines(one: Any, name: str) -> Iterator[LoggedLine]:
    """A line for what was said, one for the reply, whose earlier versions come before the one that was shown."""
    if not isinstance(one, dict):
        return
    at, rest = moment(one.get("ts")), {key: value for key, value in one.items() if key not in _LINE}
    said, reply, before = one.get("message"), one.get("reply"), one.get("regenerated_replies")
    if isinstance(said, str) and said.strip():
        yield LoggedLine("You", True, (ChatVariant(said, at),), rest={} if isinstance(reply, str) else rest)
    if isinstance(reply, str) and reply.strip():
        earlier = [text for text in before if isinstance(text, str) and text.strip()] if isinstance(before, list) else []
        variants = tuple(ChatVariant(text, at) for text in (*earlier, reply))
        yield LoggedLine(name, False, variants, len(variants) - 1, rest=rest)
