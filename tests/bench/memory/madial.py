"""MADial-Bench (He et al. 2025): talks in which an assistant ought to be reminded of something, and what there is to remember.

Published are two files of JSON lines per language. Dialogues: `dialogue` is a list of lines like `<Name>: "..."` between `<BOD>` and
`<EOD>`, `test-turn` the index of the line before which something should be remembered, `relevant-id` what, `user-id` whose. Memories:
`{id: {time, scene, emotion, event}}`, in one language with `user-id`, in the other without; each user has memories of their own.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.memory.shapes import Case, Question, Record, moment, records
from worker.memory.ask import Query
from worker.memory.index import Memory

_SPOKEN = re.compile(r"^\s*<?\s*([^\s:：<>\"“][^:：<>\"“]{0,23}?)\s*>?\s*[:：]\s*")
_MARK = re.compile(r"^\s*<?\s*(?:BOD|EOD)\s*>?\s*$", re.IGNORECASE)
_MACHINE = {"assistant", "ai", "bot", "chatbot", "system", "小助手", "助手", "机器人"}
_AROUND = ' \t\r\n"“”'


def load(path: Path) -> list[Case]:
    """One case per file of dialogues and user."""
    return [case for file in _dialogue_files(path) for case in _cases(file)]


def _dialogue_files(path: Path) -> list[Path]:
    """The file, or those of a folder and the folders in it; candidates prepared for a test setting are another thing."""
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.rglob("*dialogue*.json") if "setting" not in file.name)
    if not found:
        raise ValueError(f"{path.name} holds no file named like ...dialogue.json")
    return found


def _both(path: Path) -> tuple[list[Record], list[Record]]:
    """(dialogues, memories): the dialogue file with the memory file beside it, or one file with both."""
    found = records(path)
    if len(found) == 1 and "memories" in found[0]:
        memories = found[0]["memories"]
        return found[0].get("dialogues") or found[0]["dialogue"], [memories] if isinstance(memories, dict) else memories
    beside = path.with_name(path.name.replace("dialogue", "memory"))
    if beside == path or not beside.is_file():
        raise ValueError(f"no file of memories beside {path.name}: expected {path.name.replace('dialogue', 'memory')}")
    return found, records(beside)


def _cases(path: Path) -> Iterator[Case]:
    dialogues, memories = _both(path)
    stored = [pair for record in memories for pair in _memories(record)]
    names = _names(dialogues)
    asked = defaultdict[str, list[Record]](list)
    for record in dialogues:
        asked[str(record.get("user-id", ""))].append(record)
    for user, some in asked.items():
        own = [memory for memory, owner in stored if (owner or _named(memory.text, names)) in (user, "")]
        known = {memory.id for memory in own}
        evidence = [frozenset(str(name) for name in record.get("relevant-id", [])) & known for record in some]
        questions = [Question(query(record), "all", found) for record, found in zip(some, evidence, strict=True) if found]
        yield Case(f"{path.stem}-{user}" if user else path.stem, own, questions, len(some) - len(questions))


def _memories(record: Record) -> Iterator[tuple[Memory, str]]:
    """(memory, owner or "") of {id: {event, scene, emotion, time}, ...} or {"id": ..., "event": ...}."""
    nested = {key: value for key, value in record.items() if isinstance(value, dict)}
    for key, value in (nested or {str(record.get("id", record.get("memory-id", ""))): record}).items():
        text = ". ".join(str(value[part]) for part in ("event", "scene", "emotion") if value.get(part))
        at = moment(value.get("time")) or datetime(2020, 1, 1, tzinfo=UTC)
        memory = Memory(str(key), text or json.dumps(value, ensure_ascii=False), at, thread=str(key))
        yield memory, str(value.get("user-id", ""))


def _names(dialogues: Sequence[Record]) -> dict[str, str]:
    """user -> the name that most lines of this user's talks are spoken under."""
    spoken = defaultdict[str, Counter[str]](Counter)
    for record in dialogues:
        if user := str(record.get("user-id", "")):
            spoken[user].update(who for who, _ in lines(record["dialogue"]) if who not in _MACHINE)
    return {user: counts.most_common(1)[0][0] for user, counts in spoken.items() if counts}


def _named(text: str, names: dict[str, str]) -> str:
    """The one user whose name is in a text, "" if there is no single one."""
    found = [user for user, name in names.items() if name in text.casefold()]
    return found[0] if len(found) == 1 else ""


def lines(dialogue: Sequence[object]) -> list[tuple[str, str]]:
    """(speaker in lower case, text) of every line that says something. A line without a speaker is the other one's who spoke before it."""
    found: list[tuple[str, str]] = []
    for turn in map(_line, dialogue):
        if _MARK.match(turn):
            continue
        match = _SPOKEN.match(turn)
        if match:
            found.append((match[1].casefold(), turn[match.end() :].strip(_AROUND)))
        else:
            others = [who for who, _ in found if who != found[-1][0]]
            found.append((others[-1] if others else "assistant" if found else "", turn.strip(_AROUND + "<>")))
    return found


def _line(turn: object) -> str:
    if isinstance(turn, dict):
        return f"{turn.get('role') or turn.get('speaker') or ''}: {turn.get('content') or turn.get('text') or ''}"
    return str(turn)


def query(record: Record) -> Query:
    """The user's last turn before the tested one, and the user's turns before that."""
    tested = record.get("test-turn") or [len(record["dialogue"])]
    before = lines(record["dialogue"][: int(tested[0] if isinstance(tested, list) else tested)])
    user = [text for who, text in before if who not in _MACHINE] or [""]
    return Query(user[-1], recent=tuple(user[:-1]))
