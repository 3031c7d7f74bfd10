"""The same server over streamable HTTP, on loopback."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from tests.support.mcp.program import answered


@dataclass(slots=True)
class LoopbackServer:
    """`seen` are the messages that came, each with its headers. `streams`: it answers as a stream of events; `leads`: it sends
    elsewhere."""

    address: str = ""
    streams: bool = False
    leads: str = ""
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.method == "DELETE":
            self.seen.append(("DELETE", dict(request.headers)))
            return web.Response()
        asked = json.loads(await request.read())
        self.seen.append((asked.get("method", ""), dict(request.headers)))
        if self.leads:
            return web.Response(status=307, headers={"location": self.leads})
        if asked.get("method") == "tools/call" and asked["params"]["name"] == "hang":
            await asyncio.Event().wait()
        answer = answered(asked)
        if answer is None:
            return web.Response(status=202)
        headers = {"mcp-session-id": "little-session"}
        if not self.streams:
            return web.json_response(answer, headers=headers)
        return web.Response(text=f"event: message\ndata: {json.dumps(answer)}\n\n", content_type="text/event-stream", headers=headers)


@asynccontextmanager
async def serving(*, streams: bool = False) -> AsyncIterator[LoopbackServer]:
    """The server, for as long as the block lasts."""
    server = LoopbackServer(streams=streams)
    app = web.Application()
    app.router.add_route("*", "/mcp", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]  # aiohttp has no door for it
        server.address = f"http://127.0.0.1:{port}/mcp"
        yield server
    finally:
        await runner.cleanup()
