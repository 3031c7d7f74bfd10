"""R40: what is uploaded and typed to do harm, at the doors of a running console."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from urllib.parse import urlencode

import httpx

from engine import ids, seed
from tests.chaos.run import Run, percentile
from tests.chaos.scene import Scene, scene
from tests.support import cards, pictures
from tests.support.hostile import HOSTILE, MB

MOST_RSS = 16 * MB
MOST_S, DECODED_S = 0.2, 1.0
"""From the last byte of a file to the answer about it; of a picture that is decoded."""
WHOLE = {"not packed at all", "bad checksum"}
"""As avatars these are whole pictures with something odd beside, which encoding anew leaves behind."""
STALL_S = 0.05
"""What a page beside it may take longer than it does alone."""
WORDS = ("%", "_", "'", "';--", "%27%20OR%201=1", "x" * 10_000, "<script>alert(1)</script>", "\\", "\x00", "{{7*7}}", "../../etc/passwd")
FIELDS = (
    "/turns?find",
    "/turns?user",
    "/turns?model",
    "/timeline?character",
    "/timeline?channel",
    "/memory?words",
    "/memory?person",
    "/models?search",
    "/usage?model",
    "/conversations?words",
    "/why?message",
)
"""Whatever takes words from an address."""


@dataclass(frozen=True, slots=True)
class Harm:
    """One thing to send: a file for a form, or a page to ask for. `hostile`: it has to be refused."""

    name: str
    path: str
    file: tuple[str, bytes] | None = None
    hostile: bool = True


def harms(every: int = 1) -> Sequence[Harm]:
    """Every file at every form that takes one, every word at every field; or every n-th of each."""
    avatar = f"/characters/{seed.character_id('wren')}/avatar"
    files = {name: HOSTILE[name][0]() for name in list(HOSTILE)[::every]}
    images = {
        "900 megapixels": pictures.bomb(30_000, 30_000),
        "zTXt in a picture": cards.in_png(cards.text_chunk(b"Comment", bytes(50 * MB), b"zTXt")),
        "half a picture": pictures.picture(size=(400, 400))[:300],
        "SVG with a script": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    }
    cards_of = {name: ("card.yaml" if "YAML" in name else "card.png", raw) for name, raw in files.items()}
    found = [Harm(f"{name} as a character", "/characters/import", file) for name, file in cards_of.items()]
    found += [Harm(f"{name} as a preset", "/presets/import", ("preset.json", raw)) for name, raw in files.items()]
    found += [Harm(f"{name} as an avatar", avatar, ("a.png", raw), name not in WHOLE) for name, raw in (files | images).items()]
    found += [Harm(f"{word[:20]!r} at {field}", f"{field}{urlencode({'': word})}", hostile=False) for word in WORDS for field in FIELDS]
    return found if every == 1 else found[::every]


async def r40(run: Run) -> None:
    """R40: hostile files and words at the console's doors. Each gets one sentence, costs little, and nobody beside it waits."""
    async with scene(lanes=1, parts=("projections", "worker", "bot", "console")) as stage:
        await at_the_doors(run, stage, await asyncio.to_thread(harms))
        await stage.judge(run)


async def at_the_doors(run: Run, stage: Scene, wanted: Sequence[Harm]) -> None:
    """Send them one after the other, while somebody else looks at a page all the time."""
    pid, times, grown = stage.tzurot.pid("console"), list[float](), list[int]()
    async with httpx.AsyncClient(base_url=stage.tzurot.console, timeout=60) as http:
        for harm in wanted[:3]:  # what is loaded with the first upload is no cost of a file
            await _sent(http, harm)
        alone = [await _page(http) for _ in range(20)]
        async with _beside(http) as waits:
            async for number in run.each():
                harm = wanted[number % len(wanted)]
                before = _begin_peak(pid)
                began = monotonic()
                answer = await _sent(http, harm)
                times.append(monotonic() - began)
                grown.append(_peak(pid) - before)
                _judge(run, harm, answer, times[-1], grown[-1])
    run.figures |= {"kinds": len(wanted), "answer_s_p95": percentile(sorted(times), 95), "answer_s_max": round(max(times), 3)}
    run.figures |= {"grown_mb_max": round(max(grown) / MB, 1), "beside_s_p95": percentile(sorted(waits), 95)}
    late = (percentile(sorted(waits), 95) or 0.0) - (percentile(sorted(alone), 95) or 0.0)
    run.in_time(late <= STALL_S, f"pages beside it took {late:.3f} s longer")


def _judge(run: Run, harm: Harm, answer: httpx.Response, seconds: float, grown: int) -> None:
    size = len(harm.file[1]) if harm.file else 0
    run.expect(answer.status_code < 500, f"{harm.name}: {answer.status_code}")
    run.expect(not harm.hostile or answer.status_code >= 400, f"{harm.name}: taken ({answer.status_code})")
    run.expect("<script>alert" not in answer.text, f"{harm.name}: a script came back as it was")
    run.expect(grown <= MOST_RSS + 2 * size, f"{harm.name}: {grown / MB:.0f} MB more for {size / MB:.1f} MB")
    most = DECODED_S if harm.path.endswith("/avatar") else MOST_S
    run.in_time(seconds <= most + size / (50 * MB), f"{harm.name}: answered after {seconds:.2f} s")


async def _sent(http: httpx.AsyncClient, harm: Harm) -> httpx.Response:
    if harm.file is None:
        return await http.get(harm.path, follow_redirects=True)
    fields = {"key": str(ids.random_id())}
    return await http.post(harm.path, files={"file": harm.file}, data=fields, headers={"origin": str(http.base_url).rstrip("/")})


async def _page(http: httpx.AsyncClient) -> float:
    began = monotonic()
    (await http.get("/jobs")).raise_for_status()
    return monotonic() - began


@contextlib.asynccontextmanager
async def _beside(http: httpx.AsyncClient) -> AsyncGenerator[list[float]]:
    waits: list[float] = []

    async def look() -> None:
        while True:
            waits.append(await _page(http))

    looking = asyncio.create_task(look())
    try:
        yield waits
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


def _begin_peak(pid: int) -> int:
    """Forget the process' highest memory so far; returns what it takes now, in bytes."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return _field(pid, "VmRSS")


def _peak(pid: int) -> int:
    return _field(pid, "VmHWM")


def _field(pid: int, name: str) -> int:
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024
