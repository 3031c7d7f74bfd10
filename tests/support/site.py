"""The console as people use it: a real web server on a real database, its read models running, and a hand that plays the worker.

async with site(settings) as here:
    said = await here.say("Hello", character="wren")
    await here.complete(said.turns[0], "Good evening.")
    await here.lines(said.channel, 2)
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import unescape
from typing import Any
from uuid import UUID

import httpx

from bot.console.__main__ import address_of, door, listening, serving, working
from bot.console.state import OPERATOR, Console
from engine import ids
from engine.bus import relay
from engine.clock import monotonic
from engine.config import Settings
from engine.events import Event, Tags, user_subject
from engine.events.turn import Call, Timing, TurnCompleted, TurnFailed, TurnRequested, Usage
from engine.store import NewEvent, Query, open_log
from engine.vault import load_master_key
from projections.follow import group_runner, resume, runner
from projections.live import drafts
from projections.registry import ALL

WAIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Said:
    """What was said: where, and which turns it caused."""

    channel: int
    message_id: int
    turns: tuple[UUID, ...]


@dataclass(frozen=True)
class Site:
    """An open console. `http` is a client that follows no redirects and says nothing about itself."""

    console: Console
    address: str
    http: httpx.AsyncClient

    async def say(self, text: str, *, character: str | None = None, channel: int | None = None, reply_to: int | None = None) -> Said:
        """Say something through the JSON interface."""
        body = {"text": text} | ({"character": character} if character else {}) | ({"reply_to": reply_to} if reply_to else {})
        answer = await self.http.post("/api/chats" if channel is None else f"/api/chats/{channel}/messages", json=body)
        assert answer.status_code == 201, answer.text
        found = answer.json()
        return Said(int(found["channel"]), int(found["message_id"]), tuple(map(UUID, found["turns"])))

    async def form(self, path: str, fields: dict[str, str], **headers: str) -> httpx.Response:
        """Send a form as a page of ours does."""
        return await self.http.post(path, data=fields, headers={"origin": self.address, **headers})

    async def write(self, turn: UUID, channel: int, text: str) -> None:
        """Stream: the turn's draft is this now."""
        subject = user_subject(OPERATOR)
        await drafts.put(self.console.log.pool, await self.console.log.vault.key(subject), turn, channel, text)

    async def complete(self, turn: UUID, text: str) -> None:
        """End a turn well, as a worker does."""
        requested = await self._request(turn)
        common = requested.model_dump(include={"turn_id", "message_id", "channel_id", "user_id", "character_id", "venue"})
        usage = Usage(prompt_tokens=100, completion_tokens=20, cost=0.001)
        call = Call(call_id=ids.derived("call", turn), model="test/model", provider="test", scope="system", ms=900, usage=usage)
        timing = Timing(request_sent=10, first_token=200, finished=900)
        done = TurnCompleted(
            **common,
            attempt=1,
            model="test/model",
            provider="test",
            finish_reason="stop",
            calls=(call,),
            usage=usage,
            timing=timing,
            text=text,
        )
        await self._end(done, requested)

    async def fail(self, turn: UUID, category: str, sentence: str, details: str = "") -> str:
        """End a turn badly; returns the reference."""
        requested, reference = await self._request(turn), ids.reference()
        common = requested.model_dump(include={"turn_id", "message_id", "channel_id", "user_id", "character_id", "venue"})
        failed = TurnFailed(
            **common,
            attempt=1,
            model="test/model",
            provider="test",
            category=category,
            status=502,
            reference=reference,
            attempts=3,
            user_message=sentence,
            technical_details=details,
        )
        await self._end(failed, requested)
        return reference

    async def lines(self, channel: int, count: int) -> list[dict[str, Any]]:
        """The visible lines of a chat, once there are so many."""
        return await self._lines(channel, lambda found: len(found) >= count)

    async def _lines(self, channel: int, wanted: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        """Ask for the lines until they are as wanted."""
        deadline, pause = monotonic() + WAIT_SECONDS, 0.02
        while not wanted(found := (await self.http.get(f"/api/chats/{channel}/messages")).json()["lines"]):
            assert monotonic() < deadline, f"only these lines became visible: {found}"
            await asyncio.sleep(pause)
            pause = min(pause * 1.3, 0.15)
        return list(found)

    async def settled(self) -> None:
        """Until every read model shows everything."""
        assert await runner.wait_for(self.console.log.pool, [p.name for p in ALL], await self.console.log.head(), seconds=WAIT_SECONDS)

    async def events(self, types: Sequence[str] = ()) -> list[Event]:
        """What the log holds of these types."""
        return [recorded.event async for recorded in self.console.log.read(Query(types=frozenset(types)))]

    async def _request(self, turn: UUID) -> TurnRequested:
        requests = [r.event for r in await self.console.log.stream(f"turn:{turn}") if isinstance(r.event, TurnRequested)]
        return requests[0]

    async def _end(self, outcome: TurnCompleted | TurnFailed, requested: TurnRequested) -> None:
        tags = Tags(None, requested.channel_id, requested.user_id, requested.character_id, requested.turn_id)
        await self.console.log.append(
            NewEvent(
                outcome,
                stream=f"turn:{requested.turn_id}",
                id=ids.terminal(requested.turn_id),
                tags=tags,
                subjects=(user_subject(requested.user_id),),
                correlation=ids.message_event(requested.message_id, "received"),
                causation=ids.derived("turn-requested", requested.turn_id),
            )
        )


@asynccontextmanager
async def site(settings: Settings) -> AsyncIterator[Site]:
    """A console with its read models, for as long as the block lasts."""
    settings = settings.model_copy(update={"console_port": 0})
    master = load_master_key(settings)
    signer = door(settings, master)
    assert settings.database_url is not None
    with listening(settings.console_host, 0) as listener:
        address = address_of(listener)
        async with open_log(settings.database_url, master, pool_size=8) as log, working(settings, log, signer) as console:
            models = [asyncio.create_task(group_runner.run(settings.database_url, ALL))]
            if settings.nats_url is not None:
                models.append(asyncio.create_task(relay.run(settings, lambda: resume.unfinished(log.pool))))
            try:
                async with serving(console, listener), httpx.AsyncClient(base_url=address, timeout=20, verify=False) as http:
                    here = Site(console, address, http)
                    await here.settled()
                    yield here
                    console.feed.close()
            finally:
                for model in models:
                    model.cancel()
                await asyncio.gather(*models, return_exceptions=True)


async def ticks(here: Site, channel: int, after: int = 0) -> AsyncGenerator[str, None]:
    """The HTML of a chat's stream, event by event."""
    async with here.http.stream("GET", f"/chats/{channel}/stream?after={after}") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        data: list[str] = []
        async for line in response.aiter_lines():
            if line.startswith("data:"):
                data.append(line[5:].strip())
            elif not line and data:
                yield unescape("\n".join(data))
                data = []


async def seen(stream: AsyncIterator[str], wanted: str) -> str:
    """The first event that holds the text."""
    async with asyncio.timeout(15):
        async for html in stream:
            if wanted in html:
                return html
    raise AssertionError(f"the stream ended without {wanted!r}")


async def until(here: Site, channel: int, texts: list[str]) -> None:
    """Until a page that is loaded anew shows these lines and no others."""
    await here._lines(channel, lambda found: [line["text"] for line in found] == texts)
