"""Public sets of conversations with questions, read into one shape. The files are never part of this repository.

locomo    Maharana et al. 2024: `conversation.session_N`, `session_N_date_time`, `qa` with evidence ids like "D8:6"
realtalk  Lee et al. 2025: the same, `session_N` beside `qa`, messages with `clean_text` and their own `date_time` ("29.12.2023, 00:51:12")
madial    He et al. 2025: see madial.py
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from tests.bench.memory import madial
from tests.bench.memory.shapes import Case, Question, Record, moment, records
from worker.memory.ask import Query
from worker.memory.index import Memory

Format = Literal["locomo", "realtalk", "madial"]
_EVIDENCE = re.compile(r"D?\s*(\d+)\s*:\s*(\d+)", re.IGNORECASE)
_SESSION = re.compile(r"session_(\d+)$")


def load(path: Path, format_: Format) -> list[Case]:
    """The cases of a file or of a folder of files. Raises ValueError, with a sentence, for what is not in the format."""
    if format_ == "madial":
        cases = madial.load(path)
    else:
        files = sorted(path.glob("*.json")) if path.is_dir() else [path]
        cases = [_conversation(record, f"{file.stem}-{i}") for file in files for i, record in enumerate(records(file))]
    if not any(case.questions for case in cases):
        raise ValueError(f"{path.name} holds no question with evidence in the format {format_}; choose another --format")
    return cases


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
        for i, turn in enumerate(turn for turn in sessions[f"session_{number}"] if isinstance(turn, dict)):
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
