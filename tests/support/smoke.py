"""`tzurot smoke`: the real supervisor in a temporary folder, one message through the playground, one through the stand-in Discord."""

import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import aiohttp
import psutil
import psycopg

from bot.cli.supervisor.plan import module
from bot.discord.asides import DISCLOSED
from engine import embedded
from engine.embedded import shim
from engine.errors import TzurotError
from tests.support import oracle
from tests.support.discord.server import StandinDiscord
from tests.support.discord.validate import load, spec_path
from tests.support.system import until

CHARACTER = "wren"
START_S, ANSWER_S, STOP_S = 150.0, 90.0, 40.0


class SmokeFailed(TzurotError):
    """What should have happened and did not."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One message and its answer. Times in milliseconds; `events` are the log's names for what happened, in order."""

    venue: str
    message: str
    reply: str
    events: list[str]
    message_to_request_ms: float
    provider_ms: float
    provider_end_to_delivered_ms: float


@dataclass
class Supervised:
    """`tzurot run` as a process: what it said, and everybody it started."""

    process: asyncio.subprocess.Process
    lines: list[dict[str, object]] = field(default_factory=list)
    family: set[tuple[int, float]] = field(default_factory=set)

    @property
    def console(self) -> str:
        return next(str(line["address"]) for line in self.lines if line["event"] == "up")

    def note_family(self) -> None:
        """Remember every process below the supervisor, to see later that none is left."""
        for child in psutil.Process(self.process.pid).children(recursive=True):
            self.family.add((child.pid, child.create_time()))

    def left(self) -> list[int]:
        """Processes that still run."""
        return [pid for pid, born in self.family if _runs(pid, born)]


def _runs(pid: int, born: float) -> bool:
    try:
        process = psutil.Process(pid)
        return process.create_time() == born and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def smoke(say: Callable[[str], None] = lambda _: None) -> dict[str, object]:
    """Run it; returns what is printed. Raises SmokeFailed."""
    folder = Path(tempfile.mkdtemp(prefix="tzurot-smoke-"))
    folder.chmod(0o755)
    begun = time.monotonic()
    spec = spec_path()
    try:
        async with StandinDiscord.start(spec=load(spec) if spec else None) as discord, _supervised(folder, discord, say) as run:
            started = time.monotonic() - begun
            dsn = embedded.running_dsn(folder)
            exchanges = [await _playground(run.console, dsn), await _discord(discord, dsn)]
            run.note_family()
            code = await _stop(run)
            violations = list(discord.violations)
        left = run.left()
        if code or left or violations:
            raise SmokeFailed(f"exit code {code}, processes left {left}, rules of Discord broken {violations}")
    except (TimeoutError, AssertionError) as error:
        raise SmokeFailed(f"The smoke run failed: {str(error) or 'too slow'}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    ready = {str(line["part"]): line.get("seconds") for line in run.lines if line["event"] == "ready"}
    return {
        "exchanges": [{name: getattr(e, name) for name in Exchange.__slots__} for e in exchanges],
        "start_s": round(started, 2),
        "ready_s": ready,
        "processes_left": left,
        "passed": True,
    }


@asynccontextmanager
async def _supervised(folder: Path, discord: StandinDiscord, say: Callable[[str], None]) -> AsyncIterator[Supervised]:
    kept = {"PATH", "HOME", "LANG", "TMPDIR"}
    environment = {name: value for name, value in os.environ.items() if name in kept or name.startswith("OTEL_")}
    environment |= {"TZUROT_DATA": str(folder), "CONSOLE_PORT": "0", "STANDIN_WORD_SECONDS": "0.01", "LOCAL_MODEL": "off"}
    environment |= {"DISCORD_TOKEN": discord.token, "DISCORD_API_BASE": discord.api_base}
    bound = [sys.executable, "-I", "-S", shim.__file__, str(os.getpid()), str(int(signal.SIGKILL)), "-", "-", str(folder)]
    command = [*bound, *module("bot.cli.main"), "run", "--json", "--no-open"]
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.PIPE)
    run = Supervised(process)
    try:
        async with asyncio.timeout(START_S):
            await _until_up(run, say)
        yield run
    finally:
        if process.returncode is None:
            await _stop(run)


async def _until_up(run: Supervised, say: Callable[[str], None]) -> None:
    assert run.process.stdout is not None
    async for raw in run.process.stdout:
        line = json.loads(raw)
        run.lines.append(line)
        say(f"{line.get('event')} {line.get('part')} {line.get('detail', '')}")
        if line.get("event") == "up":
            off = [str(known["part"]) for known in run.lines if known.get("event") == "off"]
            if off:
                raise SmokeFailed(f"{', '.join(off)} could not run: {line.get('detail')}")
            return
    raise SmokeFailed(f"`tzurot run` ended with {await run.process.wait()} before it was up: {run.lines[-1:]}")


async def _stop(run: Supervised) -> int:
    run.process.send_signal(signal.SIGINT)
    assert run.process.stdout is not None
    async with asyncio.timeout(STOP_S):
        await run.process.stdout.read()
        return await run.process.wait()


async def _playground(console: str, dsn: str) -> Exchange:
    """As a browser does: post the form, follow to the chat, listen to its stream until the reply is there."""
    async with aiohttp.ClientSession(console, headers={"Origin": console.rstrip("/")}) as browser:
        at = time.time()
        form = {"character": CHARACTER, "text": "Hello from the playground", "author": "Ann"}
        async with browser.post("/chats", data=form) as page:
            if page.status != 200:
                raise SmokeFailed(f"the console answered {page.status} to the first line of a chat")
            channel = page.url.path.rsplit("/", 1)[-1]
        async with asyncio.timeout(ANSWER_S), browser.get(f"/chats/{channel}/stream", params={"after": "0"}) as stream:
            if not await _reply_in(stream):
                raise SmokeFailed("the console's stream ended without a reply")
        async with browser.get(f"/api/chats/{channel}/messages") as answer:
            lines = (await answer.json())["lines"]
    reply = next(line for line in lines if line["kind"] == "reply")
    return await _exchange(dsn, "playground", form["text"], str(reply["text"]), UUID(reply["turn"]), at)


async def _reply_in(stream: aiohttp.ClientResponse) -> bool:
    async for raw in stream.content:
        if b'class="line theirs"' in raw and b"data-turn" in raw and b"draft" not in raw:
            return True
    return False


async def _discord(discord: StandinDiscord, dsn: str) -> Exchange:
    """As a person in a server does: the answer comes, and once the note that it is an AI's."""
    await discord.wait_connected()
    at = time.time()
    message = await discord.say("general", "ann", f"@{CHARACTER} Hello from Discord")
    await discord.wait_reply("general", after=message, count=2, timeout=ANSWER_S)

    async def delivered() -> oracle.Row | None:
        rows = await oracle.events(dsn)
        return next((row for row in rows if row.type == "reply.delivered" and row.data.get("venue") == "discord"), None)

    row = await until(delivered, ANSWER_S, "ReplyDelivered")
    ids = row.data["message_ids"]
    assert row.turn is not None
    assert isinstance(ids, list)
    said = discord.replies("general", message)
    answers = [post for post in said if int(post["id"]) in ids]
    beside = [str(post["content"]) for post in said if post not in answers]
    if len(answers) != 1 or beside != [DISCLOSED]:
        raise SmokeFailed(f"beside {len(answers)} posts of the answer stood {beside}, not once the note that an AI answers")
    return await _exchange(dsn, "discord", "Hello from Discord", str(answers[0]["content"]), row.turn, at)


async def _exchange(dsn: str, venue: str, message: str, reply: str, turn: UUID, at: float) -> Exchange:
    async def story() -> list[oracle.Row] | None:
        rows = await _about(dsn, turn)
        return rows if any(row.type == "reply.delivered" for row in rows) else None

    rows = await until(story, ANSWER_S, f"ReplyDelivered of turn {turn}")
    moments = {row.type: row.seconds for row in rows}
    timing = next(row.data["timing"] for row in rows if row.type == "turn.completed")
    assert isinstance(timing, dict)
    asked = moments["turn.generation_started"]
    provider = (timing["finished"] - timing["request_sent"]) / 1000
    delivered = moments["reply.delivered"] - asked - provider
    figures = [round(seconds * 1000, 1) for seconds in (asked - at, provider, delivered)]
    return Exchange(venue, message, reply, [row.type for row in rows], *figures)


async def _about(dsn: str, turn: UUID) -> list[oracle.Row]:
    """The message that asked, and every event of the turn."""
    try:
        rows = await oracle.events(dsn)
    except psycopg.OperationalError:
        return []
    asked = next((row.data["message_id"] for row in rows if row.type == "turn.requested" and row.turn == turn), None)
    return [row for row in rows if row.turn == turn or (row.type == "message.received" and row.data["message_id"] == asked)]
