"""Many channels at once, at a fixed rate: what a turn costs then, what was lost or said twice, and whether memory grows."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from engine.clock import monotonic
from tests.support.discord.recorder import Exchange
from tests.support.discord.server import StandinDiscord
from tests.support.stage import Stage
from tests.support.system import until

PEOPLE = 7
"""In each channel, in turn: quick words of one person would be joined into one turn (A16)."""
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Load:
    """`rate` messages a second over all `channels`, for `seconds`."""

    channels: int
    rate: float
    seconds: float

    @property
    def turns(self) -> int:
        return max(1, round(self.rate * self.seconds))


@dataclass(frozen=True, slots=True)
class Crowd:
    """(message to request, provider done to posted) in ms of each turn; words lost and posted twice; bytes held early and at the end."""

    halves: Sequence[tuple[float, float]]
    lost: Sequence[str]
    double: Sequence[str]
    memory: tuple[int, int]
    late_ms: float


async def crowd(discord: StandinDiscord, stage: Stage, load: Load, prefix: str, held: Callable[[], int]) -> Crowd:
    """Say everything on time, wait until it is answered, and read off the recorder what came of it.

    The words begin with `prefix`, which nobody else uses; `held` tells the memory of the processes in bytes.
    """
    seen, calls = len(discord.recorder.exchanges), len(stage.calls)
    begun, said, early, late = monotonic(), dict[str, float](), 0, 0.0
    for number in range(load.turns):
        due = begun + number / load.rate
        await asyncio.sleep(max(0.0, due - monotonic()))
        late = max(late, monotonic() - due)
        word, lane = f"ping-{prefix}{number}", number % load.channels
        said[word] = monotonic()
        who = f"crowd-{lane}-{number // load.channels % PEOPLE}"
        await discord.say(f"lane-{lane}", who, f"@wren {word} hello there, how are you today?")
        if number == load.turns // 3:
            early = held()

    async def answered() -> bool:
        return len(_posted(discord.recorder.exchanges[seen:], said)) == len(said)

    with suppress(TimeoutError):  # what is missing is counted
        await until(answered, PATIENCE_S, "every answer")
    await asyncio.sleep(0.5)  # a second post of the same would come now
    asked = {call.word: call for call in stage.calls[calls:] if call.ended is not None}
    exchanges = discord.recorder.exchanges[seen:]
    posted = _posted(exchanges, said)
    halves = [
        ((asked[word].begun - at) * 1000, (posted[word] - (asked[word].ended or 0.0)) * 1000)
        for word, at in said.items()
        if word in posted and word in asked
    ]
    posts = Counter(word for e in exchanges if e.method == "POST" for word in _words(e))
    double = [word for word, count in posts.items() if word in said and count > 1]
    return Crowd(halves, [word for word in said if word not in posted], double, (early, held()), late * 1000)


def _posted(exchanges: Sequence[Exchange], said: dict[str, float]) -> dict[str, float]:
    """Word -> when its answer stood at Discord as a whole: one that grew there is whole with the last change."""
    found: dict[str, float] = {}
    for exchange in exchanges:
        for word in _words(exchange):
            if word in said:
                found[word] = exchange.at
    return found


def _words(exchange: Exchange) -> list[str]:
    """The word that a post answers; the stage repeats it before a comma."""
    if "/webhooks/" not in exchange.path or exchange.method not in ("POST", "PATCH") or not isinstance(exchange.request, dict):
        return []
    text = str(exchange.request.get("content", ""))
    return [part.removesuffix(",") for part in text.split() if part.startswith("ping-") and part.endswith(",")][:1]


def pss(pids: Sequence[int]) -> int:
    """Bytes that these processes hold, shared pages by their share; 0 for one that is gone."""
    total = 0
    for pid in pids:
        file = Path(f"/proc/{pid}/smaps_rollup")
        lines = file.read_text().splitlines() if file.exists() else []
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total
