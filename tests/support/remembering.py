"""A provider that reads for facts and summaries what it is shown, answers a chat with few words, and writes down every byte.

    async with Reader.start() as reader:
        reader.stop_at = 3                 # the third question about memories from now on stays without an answer
        await reader.stopped.wait()
        reader.chats[-1]                   # the body of the last request for a reply, as it came

It finds a fact in "... boat is called X." and repeats all boats in its summaries: the worst summary there can be.
"""

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

_LINE = re.compile(r"^\[(\d+)\] (?P<who>.*?): (?P<text>.*)$")
_BOAT = re.compile(r"boat is called (\w+)")
MARK = "Answer with JSON only"
"""Stands in every question about memories, and in no prompt for a reply."""


class Reader:
    """See the module's docstring. `answered` counts the questions about memories that got an answer, by model and text."""

    def __init__(self) -> None:
        self.address = ""
        self.chats: list[bytes] = []
        self.answered = Counter[tuple[str, str]]()
        self.stop_at = 0
        self.stopped = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def start(cls) -> "AsyncIterator[Reader]":
        """Serve on a free port of 127.0.0.1 until the block ends."""
        reader = cls()
        app = web.Application(client_max_size=16 << 20)
        app.router.add_post("/v1/chat/completions", reader._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        reader.address = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        try:
            yield reader
        finally:
            await runner.cleanup()

    def asked_by(self, model: str) -> list[int]:
        """How often each question of a model was answered."""
        return [count for (name, _), count in self.answered.items() if name == model]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        body = json.loads(raw)
        system, last = str(body["messages"][0]["content"]), str(body["messages"][-1]["content"])
        if MARK not in system:
            self.chats.append(raw)
            return await _said(request, body, f"Noted, number {len(self.chats)}.")
        if self.stop_at:
            self.stop_at -= 1
            if not self.stop_at:
                self.stopped.set()
                await asyncio.Event().wait()  # until who asked is gone
        self.answered[str(body["model"]), last] += 1
        return await _said(request, body, json.dumps(read(last.splitlines())))


def read(lines: Sequence[str]) -> dict[str, object]:
    """What it makes of numbered lines."""
    found = [(int(line[1]), boat[1]) for text in lines if (line := _LINE.match(text)) and (boat := _BOAT.search(line["text"]))]
    facts = [{"line": number, "fact": f"The boat is called {boat}.", "about": [boat], "slot": "boat"} for number, boat in found]
    boats = ", ".join(sorted({boat for _, boat in found}))
    how = {"how": "acquainted", "relationship": f"They talked of {boats}."}
    return {"summary": f"They talked of {boats or 'the weather'}.", "facts": facts, "reflections": [], **how}


async def _said(request: web.Request, body: dict[str, object], text: str) -> web.StreamResponse:
    """The words as a stream or as a whole, as it was asked for."""
    usage = {"prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 107, "cost": 0.0001}
    head = {"id": "reader-1", "created": 1, "model": body["model"]}
    if not body.get("stream"):
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return web.json_response({**head, "object": "chat.completion", "choices": [choice], "usage": usage})
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    kind = {**head, "object": "chat.completion.chunk"}
    for delta, end in (({"role": "assistant", "content": text}, None), ({}, "stop")):
        chunk = kind | {"choices": [{"index": 0, "delta": delta, "finish_reason": end}]}
        await response.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
    await response.write(b"data: " + json.dumps(kind | {"choices": [], "usage": usage}).encode() + b"\n\ndata: [DONE]\n\n")
    await response.write_eof()
    return response
