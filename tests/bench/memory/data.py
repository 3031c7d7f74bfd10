"""Public sets of conversations with questions, read into one shape. The files are never part of this repository.

locomo    Maharana et al. 2024: `conversation.session_N`, `session_N_date_time`, `qa` with evidence ids like "D8:6"
realtalk  Lee et al. 2025: the same, `session_N` beside `qa`, messages with `clean_text` and their own `date_time`
madial    He et al. 2025: dialogues with `test-turn` and `relevant-id`, and a file of memories beside it
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from worker.memory.ask import Query
from worker.memory.index import Memory

Format = Literal["locomo", "realtalk", "madial"]
Record = dict[str, Any]

_EVIDENCE = re.compile(r"D?\s*(\d+)\s*:\s*(\d+)", re.IGNORECASE)
_SESSION = re.compile(r"session_(\d+)$")
_TIMES = ("%I:%M %p on %d %B, %Y", "%d.%m.%Y, %H:%M:%S", "%d.%m.%Y, %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d", "%Y.%m.%d", "%Y/%m/%d")
_SPOKEN = re.compile(r"^\s*([^\s:：]{1,24})\s*[:：]\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Question:
    """`evidence`: ids of the memories that hold the answer. `apart`: asked to be refused, counted by itself."""

    query: Query
    category: str
    evidence: frozenset[str]
    apart: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """One store of memories and the questions put to it. `unmatched`: questions left out because no evidence id names a memory."""

    name: str
    memories: list[Memory]
    questions: list[Question] = field(default_factory=list)
    unmatched: int = 0


def load(path: Path, format_: Format) -> list[Case]:
    """The cases of a file or of a folder of files. Raises ValueError, with a sentence, for what is not in the format."""
    if format_ == "madial":
        cases = [_madial(path)]
    else:
        files = sorted(path.glob("*.json")) if path.is_dir() else [path]
        cases = [_conversation(record, f"{file.stem}-{i}") for file in files for i, record in enumerate(_records(file))]
    if not any(case.questions for case in cases):
        raise ValueError(f"{path.name} holds no question with evidence in the format {format_}; choose another --format")
    return cases


def _records(file: Path) -> list[Record]:
    """The objects of a JSON array, a JSON object or JSON lines."""
    text = file.read_text(encoding="utf-8")
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        try:
            found = [json.loads(line) for line in text.splitlines() if line.strip()]
        except json.JSONDecodeError as error:
            raise ValueError(f"{file.name} is neither JSON nor JSON lines: {error.msg} in line {error.lineno}") from None
    return [record for record in (found if isinstance(found, list) else [found]) if isinstance(record, dict)]


def moment(text: object) -> datetime | None:
    for form in _TIMES:
        try:
            return datetime.strptime(str(text).strip(), form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None


def _turn_id(text: object) -> str | None:
    found = _EVIDENCE.search(str(text))
    return f"D{int(found[1])}:{int(found[2])}" if found else None


def evidence_ids(raw: object) -> list[str]:
    """Ids in the loose spellings that occur: "D8:6; D9:17", "D30:05", lists of those."""
    if isinstance(raw, list):
        return [name for item in raw for name in evidence_ids(item)]
    return [f"D{int(a)}:{int(b)}" for a, b in _EVIDENCE.findall(str(raw))]


def _said(turn: Record) -> str:
    text = str(turn.get("clean_text") or turn.get("text") or "")
    caption = turn.get("blip_caption") or turn.get("img_caption") or turn.get("caption")
    return f"{text} [shares {caption}]" if caption else text


def _turns(sessions: Record) -> Iterator[Memory]:
    numbers = sorted(int(match[1]) for key in sessions if (match := _SESSION.match(key)) and isinstance(sessions[key], list))
    start = datetime(2020, 1, 1, tzinfo=UTC)
    for number in numbers:
        start = moment(sessions.get(f"session_{number}_date_time")) or start + timedelta(days=1)
        for i, turn in enumerate(sessions[f"session_{number}"]):
            at = moment(turn.get("date_time")) or start + timedelta(seconds=30 * i)
            name = _turn_id(turn.get("dia_id")) or f"D{number}:{i + 1}"
            # Order is that of the file even where two messages carry one second.
            yield Memory(name, _said(turn), at + timedelta(microseconds=i), str(turn.get("speaker", "")), thread=f"{number:04d}")


def _conversation(record: Record, fallback: str) -> Case:
    sessions = record.get("conversation") if isinstance(record.get("conversation"), dict) else record
    assert isinstance(sessions, dict)
    memories = list({memory.id: memory for memory in _turns(sessions)}.values())
    known = {memory.id for memory in memories}
    questions, unmatched = [], 0
    for item in record.get("qa", []):
        evidence = frozenset(evidence_ids(item.get("evidence"))) & known
        category = str(item.get("category", "all"))
        if evidence:
            questions.append(Question(Query(str(item["question"])), category, evidence, apart=category == "5"))
        else:
            unmatched += 1
    return Case(str(record.get("sample_id") or fallback), memories, questions, unmatched)


def _madial(path: Path) -> Case:
    dialogues, memories = _madial_files(path)
    stored = [memory for record in memories for memory in _madial_memories(record)]
    known = {memory.id for memory in stored}
    questions, unmatched = [], 0
    for record in dialogues:
        evidence = frozenset(str(name) for name in record.get("relevant-id", [])) & known
        if evidence:
            questions.append(Question(_madial_query(record), "all", evidence))
        else:
            unmatched += 1
    return Case(path.stem, stored, questions, unmatched)


def _madial_files(path: Path) -> tuple[list[Record], list[Record]]:
    """(dialogues, memories): a folder, the dialogue file with the memory file beside it, or one file with both."""
    if path.is_dir():
        path = min((file for file in path.glob("*dialogue*.json") if "setting" not in file.name), default=path / "dialogue.json")
    records = _records(path)
    if len(records) == 1 and "memories" in records[0]:
        both = records[0]
        memories = both["memories"]
        return both.get("dialogues") or both["dialogue"], [memories] if isinstance(memories, dict) else memories
    beside = path.with_name(path.name.replace("dialogue", "memory"))
    if beside == path or not beside.is_file():
        raise ValueError(f"no file of memories beside {path.name}: expected {path.name.replace('dialogue', 'memory')}")
    return records, _records(beside)


def _madial_memories(record: Record) -> Iterator[Memory]:
    """Either {id: {event, scene, emotion, time}, ...} or {"id": ..., "event": ...}."""
    nested = {key: value for key, value in record.items() if isinstance(value, dict)}
    for key, value in (nested or {str(record.get("id", record.get("memory-id", ""))): record}).items():
        text = ". ".join(str(value[part]) for part in ("event", "scene", "emotion") if value.get(part))
        at = moment(value.get("time")) or datetime(2020, 1, 1, tzinfo=UTC)
        yield Memory(str(key), text or json.dumps(value, ensure_ascii=False), at, thread=str(key))


def _line(turn: object) -> str:
    if isinstance(turn, dict):
        return f"{turn.get('role') or turn.get('speaker') or ''}: {turn.get('content') or turn.get('text') or ''}"
    return str(turn)


def _madial_query(record: Record) -> Query:
    """The user's last turn before the tested one, and the user's turns before that."""
    tested = record.get("test-turn") or [len(record["dialogue"])]
    turns = [_line(turn) for turn in record["dialogue"][: int(tested[0] if isinstance(tested, list) else tested)]]
    spoken = [(match[1].casefold() if (match := _SPOKEN.match(turn)) else "", _SPOKEN.sub("", turn)) for turn in turns]
    machine = {"assistant", "ai", "bot", "chatbot", "system", "小助手", "助手", "机器人"}
    user = [text for who, text in spoken if who not in machine] or [""]
    return Query(user[-1], recent=tuple(user[:-1]))
