"""A provider whose answers wait for their cue: streams, stops in mid-sentence where told, and writes down every call.

    async with Stage.start() as stage:
        stage.hold("ping-7")                      # the first call about ping-7 stops after its first words
        call = await stage.held("ping-7")
        stage.release("ping-7")

Calls are told apart by a word in the last message of the prompt, `ping-<anything>`, that whoever speaks puts there.
Times are monotonic seconds, which on Linux all processes share.
"""

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from engine.clock import monotonic
from tests.support.canaries import words_in

_WORD = re.compile(r"ping-[A-Za-z0-9]+")
_SAID = re.compile(r"<message[ >].*?</message>", re.DOTALL)
MOST_MARKS = 50
"""Marked words that an answer repeats; all of a prompt's are kept beside its call. A crowd's would make answers of thousands of letters."""
MODEL = "standin/stage"
"""A name that says: no language model, so saying the same again is no fault."""


@dataclass
class Call:
    """One request. `ended` is None while it runs; `cut` says that the caller went away before the end.

    `canaries` are the marked words in its prompt; the answer repeats them, so that what leaks into a prompt leaks into a reply, too.
    """

    word: str
    begun: float
    ended: float | None = None
    cut: bool = False
    messages: int = 0
    canaries: frozenset[str] = frozenset()


@dataclass
class _Cue:
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    call: Call | None = None


class Stage:
    """See the module's docstring. `pace` is seconds between two words of an answer."""

    def __init__(self, pace: float = 0.0) -> None:
        self.pace = pace
        self.calls: list[Call] = []
        self.address = ""
        self._cues: dict[str, _Cue] = {}

    @classmethod
    @asynccontextmanager
    async def start(cls, pace: float = 0.0) -> "AsyncIterator[Stage]":
        """Serve on a free port of 127.0.0.1 until the block ends."""
        stage = cls(pace)
        app = web.Application(client_max_size=16 << 20)
        app.router.add_post("/v1/chat/completions", stage._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        stage.address = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        try:
            yield stage
        finally:
            await runner.cleanup()

    @property
    def open(self) -> int:
        """Calls being answered now."""
        return sum(call.ended is None for call in self.calls)

    def counts(self) -> Counter[str]:
        """Calls per word."""
        return Counter(call.word for call in self.calls)

    def hold(self, word: str) -> None:
        """Stop the next call about this word in mid-stream; later ones about it run through."""
        self._cues[word] = _Cue()

    async def held(self, word: str, within: float = 90.0) -> Call:
        """Wait until a call stands in mid-stream. TimeoutError when none comes."""
        cue = self._cues[word]
        async with asyncio.timeout(within):
            await cue.reached.wait()
        assert cue.call is not None
        return cue.call

    def release(self, word: str) -> None:
        """Let it go on."""
        self._cues[word].go.set()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        last = body["messages"][-1]["content"]
        words = _WORD.findall(_said(last if isinstance(last, str) else json.dumps(last)))
        marked = words_in(json.dumps(body["messages"]))
        call = Call(words[-1] if words else "", monotonic(), messages=len(body["messages"]), canaries=marked)
        self.calls.append(call)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        try:
            await response.prepare(request)
            await self._speak(response, call)
            call.ended = monotonic()
        except (asyncio.CancelledError, ConnectionError):
            call.cut, call.ended = True, monotonic()
            raise
        return response

    async def _speak(self, response: web.StreamResponse, call: Call) -> None:
        cue = self._cues.get(call.word)
        said = ("You", " said", f" {call.word or 'something'},", " and", " I", " heard", " it.")
        pieces = (*said, *(f" {canary}" for canary in sorted(call.canaries)[:MOST_MARKS]))
        for at, piece in enumerate(pieces):
            await response.write(
                _event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": piece}, "finish_reason": None}]})
            )
            if at == 1 and cue is not None and cue.call is None:
                cue.call = call
                cue.reached.set()
                await cue.go.wait()
            if self.pace and at < len(said):  # however many marks a long prompt has, they come at once
                await asyncio.sleep(self.pace)
        usage = {"prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 107, "cost": 0.0}
        await response.write(_event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}))
        await response.write(_event({"choices": [], "usage": usage}) + b"data: [DONE]\n\n")
        await response.write_eof()


def _said(text: str) -> str:
    """What was said last; what is remembered beside it may hold other words."""
    found = _SAID.findall(text)
    return found[-1] if found else text


def _event(fields: dict[str, object]) -> bytes:
    head = {"id": "stage-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
    return b"data: " + json.dumps(head | fields).encode() + b"\n\n"
