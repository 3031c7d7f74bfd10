"""`tzurot bench turn`: what a turn costs besides the provider's own time, beside a bot without any storage."""

import asyncio
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from bot.cli import output
from engine import log
from tests.bench.turn.measure import Turn, bare, ours


def turn(
    turns: Annotated[int, typer.Option(min=1, help="Turns of each, one after the other.")] = 500,
    warm_up: Annotated[int, typer.Option(min=1, help="Turns before them that are not counted.")] = 10,
    json: output.Json = False,
) -> None:
    """Overhead per turn without the provider's own time: message in to request out, plus provider done to posted.

    `ours` is a whole Tzurot; `bare` is nextcord, the same provider and the same webhook post with no storage at all.
    """
    log.configure("tests", "error", "json")
    report = asyncio.run(_measure(turns, warm_up))
    if json:
        output.as_json(report)
        return
    for row in report["rows"]:
        typer.echo("  ".join(f"{name}={value}" for name, value in row.items()))


async def _measure(turns: int, warm_up: int) -> dict[str, list[dict[str, object]]]:
    def note(line: str) -> None:
        print(line, file=sys.stderr)

    found, events, stages = await ours(turns, warm_up, note)
    return {"rows": [{**row("ours", found), "events": events, "stages_p50_ms": stages}, row("bare", await bare(turns, warm_up, note))]}


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
    return round(ordered[min(len(ordered) - 1, len(ordered) * percent // 100)], 2)
