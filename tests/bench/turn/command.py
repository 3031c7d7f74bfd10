"""`tzurot bench turn`: what a turn costs besides the provider's own time, beside a bot without any storage."""

import asyncio
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from bot.cli import output
from engine import log
from tests.bench.turn.crowd import Crowd, Load
from tests.bench.turn.measure import Turn, bare, ours


def turn(
    turns: Annotated[int, typer.Option(min=1, help="Turns of each, one after the other.")] = 500,
    warm_up: Annotated[int, typer.Option(min=1, help="Turns before them that are not counted.")] = 10,
    channels: Annotated[int, typer.Option(min=0, help="Then messages in so many channels at once; 0: no more.")] = 0,
    rate: Annotated[float, typer.Option(min=0.1, help="Messages a second over all those channels.")] = 20.0,
    minutes: Annotated[float, typer.Option(min=0.001, help="For how long.")] = 5.0,
    json: output.Json = False,
) -> None:
    """Overhead per turn without the provider's own time: message in to request out, plus provider done to posted.

    `ours` is a whole Tzurot; `bare` is nextcord, the same provider and the same webhook post with no storage at all. With --channels
    there are two more rows, `ours at once` and `bare at once`: many channels at a fixed rate, with what was lost or posted twice, and
    the memory that all parts hold after a third of the time and at its end.
    """
    log.configure("tests", "error", "json")
    report = asyncio.run(_measure(turns, warm_up, Load(channels, rate, minutes * 60) if channels else None))
    if json:
        output.as_json(report)
        return
    for row in report["rows"]:
        typer.echo("  ".join(f"{name}={value}" for name, value in row.items()))


async def _measure(turns: int, warm_up: int, load: Load | None) -> dict[str, list[dict[str, object]]]:
    def note(line: str) -> None:
        print(line, file=sys.stderr)

    found = await ours(turns, warm_up, note, load)
    plain, many = await bare(turns, warm_up, note, load)
    rows = [{**row("ours", found.turns), "events": found.events, "stages_p50_ms": dict(found.stages)}, row("bare", plain)]
    if found.crowd and many:
        rows += [at_once("ours at once", found.crowd), at_once("bare at once", many)]
    return {"rows": rows}


def at_once(name: str, found: Crowd) -> dict[str, object]:
    """The same figures of many at once; `late_ms` is how far behind its time the latest message was said."""
    early, end = found.memory
    return {
        "name": name,
        "turns": len(found.halves),
        "p50_ms": _at(sorted(map(sum, found.halves)), 50),
        "p95_ms": _at(sorted(map(sum, found.halves)), 95),
        "message_to_request_p50_ms": _at(sorted(before for before, _ in found.halves), 50),
        "done_to_posted_p50_ms": _at(sorted(after for _, after in found.halves), 50),
        "lost": len(found.lost),
        "double": len(found.double),
        "late_ms": round(found.late_ms, 1),
        "memory_mb": [round(early / 2**20, 1), round(end / 2**20, 1)],
    }


def row(name: str, turns: Sequence[Turn]) -> dict[str, object]:
    """`p50_ms` and `p95_ms` of the overhead, and the medians of its two halves."""
    overhead = sorted(turn.overhead_ms for turn in turns)
    return {
        "name": name,
        "turns": len(turns),
        "p50_ms": _at(overhead, 50),
        "p95_ms": _at(overhead, 95),
        "message_to_request_p50_ms": _at(sorted(turn.before_ms for turn in turns), 50),
        "done_to_posted_p50_ms": _at(sorted(turn.after_ms for turn in turns), 50),
    }


def _at(ordered: Sequence[float], percent: int) -> float:
    if not ordered:
        return 0.0
    return round(ordered[min(len(ordered) - 1, len(ordered) * percent // 100)], 2)
