"""J7: every `tzurot bench` runs in miniature and prints rows that make sense. The figures of the documents come from the same commands."""

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bot.cli.main import front
from engine import log
from tests.bench import commands

MINIATURES = {
    "append": "--rounds 1 --producers 1,64 --processes 2 --scale 0.01",
    "console": "--turns 40 --samples 2",
    "growth": "--sizes 140,280 --rounds 1 --samples 10",
    "memory": "--data {set}",
    "prompt": "--turns 60 --window 100 --messages 300 --repeats 10",
    "recall": "--memories 100 --queries 10",
    "replay": "--events 1000 --rounds 1 --alone history",
    "smallmodel": "--made --answers 2 --tokens 8",
    "turn": "--turns 2 --warm-up 1 --channels 6 --rate 6 --minutes 0.02",
}
EXPECTED = {
    "append": {"ours", "application_save", "insert", "copy", "ours_2_processes"},
    "console": {"/turns", "/timeline", "/usage of 90 days", "/turns by all", "/memory"},
    "growth": {"append", "tail", "timeline_page", "history_page"},
    "prompt": {"ours", "sliding", "assembly"},
    "replay": {"ours_decode", "raw_select", "eventsourcing_mapper", "eventsourcing_projection", "rebuild_all", "rebuild_history"},
    "smallmodel": {"made"},
    "turn": {"ours", "bare", "ours at once", "bare at once"},
}


def test_every_bench_has_a_miniature() -> None:
    """A folder with a command in it is one more bench."""
    assert set(MINIATURES) == {file.parent.name for file in commands.HERE.glob("*/command.py")}


@pytest.mark.parametrize("name", MINIATURES)
def test_it_runs_in_miniature(name: str, tmp_path: Path) -> None:
    """Exit code 0, one JSON document, every expected row, every figure finite and none negative."""
    log.configure("tzurot", "warning")  # as the command line does: standard output is for the rows
    words = MINIATURES[name].format(set=_public_set(tmp_path)).split()
    ran = CliRunner().invoke(front(), ["bench", name, *words, "--json"], catch_exceptions=False)
    assert ran.exit_code == 0, ran.stderr
    report = json.loads(ran.stdout)
    assert all(math.isfinite(figure) and figure >= 0 for figure in _figures(report))
    rows = report if isinstance(report, list) else report.get("rows", [])
    assert {row["name"] for row in rows} >= EXPECTED.get(name, set())
    assert _SANE[name](report)


def _figures(value: object) -> Iterator[float]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _figures(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _figures(inner)
    elif isinstance(value, (int, float)):
        yield value


def _row(report: dict[str, Any], name: str) -> dict[str, Any]:
    return next(row for row in report["rows"] if row["name"] == name)


def _gapless(report: dict[str, Any]) -> bool:
    found = _row(report, "ours_2_processes")
    return found["missed"] == found["gaps"] == 0 and found["versions_contiguous"] is True


def _cache_keeps_more(report: list[dict[str, Any]]) -> bool:
    share = {row["name"]: row["share"] for row in report if row.get("window") == 100}
    return bool(0 < share["sliding"] < share["ours"] <= 1)


def _nothing_lost(report: dict[str, Any]) -> bool:
    """Also of many at once."""
    rows = [_row(report, f"{who} at once") for who in ("ours", "bare")]
    return all(row["lost"] == row["double"] == 0 and row["turns"] > 5 for row in rows)


_SANE: dict[str, Callable[[Any], bool]] = {
    "append": _gapless,
    "console": lambda report: report["turns"] == 40 and all(row["bytes"] > 0 and row["p50_ms"] > 0 for row in report["rows"]),
    "growth": lambda report: {row["events"] for row in report["rows"]} == {140, 280},
    "memory": lambda report: report["recall"]["1"] == 1.0,
    "prompt": _cache_keeps_more,
    "recall": lambda report: report["memories"] == 100 and 0 < report["p50_ms"] <= report["p95_ms"] and "pgvector" in report,
    "replay": lambda report: _row(report, "rebuild_all")["events"] >= 990,
    "smallmodel": lambda report: _row(report, "made")["tokens_per_s"] > 0,
    "turn": lambda report: _nothing_lost(report) and _row(report, "ours")["turns"] == 2 and _row(report, "ours")["p50_ms"] > 0,
}


def _public_set(folder: Path) -> Path:
    """A set of the public form, made up: three lines and the question that each answers."""
    said = ("My sister keeps bees on the roof", "The red kayak leaks", "We play chess on Tuesdays")
    asked = ("Who keeps bees?", "Which kayak leaks?", "When do they play chess?")
    turns = [{"speaker": "Ada", "dia_id": f"D1:{n}", "text": text} for n, text in enumerate(said, start=1)]
    questions = [{"question": text, "answer": "", "evidence": [f"D1:{n}"], "category": 4} for n, text in enumerate(asked, start=1)]
    talk = {"speaker_a": "Ada", "session_1": turns, "session_1_date_time": "9:05 am on 2 June, 2024"}
    file = folder / "set.json"
    file.write_text(json.dumps([{"sample_id": "made-up", "conversation": talk, "qa": questions}]))
    return file
