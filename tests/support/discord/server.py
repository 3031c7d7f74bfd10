"""The stand-in Discord itself: one aiohttp server on loopback with REST, gateway, CDN, a control API and a page to look at.

    async with StandinDiscord.start() as discord:
        message_id = await discord.say("general", "alice", "@Lilith hello")
        replies = await discord.wait_reply("general", after=message_id)

Point a bot at `discord.api_base` with `discord.token`.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from tests.support.discord import emojis, interactions, messages, places, webhooks
from tests.support.discord.control import control_routes
from tests.support.discord.errors import MALFORMED, TOO_LARGE, ApiError, Json
from tests.support.discord.faults import Fault, too_many
from tests.support.discord.people import People
from tests.support.discord.recorder import Exchange
from tests.support.discord.routes import Call, Reply, Route, find
from tests.support.discord.shapes import parsed
from tests.support.discord.validate import Spec

HANDLERS = (emojis, interactions, messages, places, webhooks)  # importing them fills the route table
API = "/api/v10"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
FILE_LIMIT, REQUEST_LIMIT = 10 << 20, 25 << 20
WRONG_TYPE: Json = {"code": "MODEL_TYPE_CONVERT", "message": "Only dictionaries may be used in a ModelType"}
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f64540"
    "0000000049454e44ae426082"
)
TOKEN = "MTIzNDU2Nzg5MDEyMzQ1Njc4.stand-in.token-for-tests-only"  # nosec: opens nothing


class StandinDiscord(People):
    """See the module's docstring. `spec` switches on validation of every exchange; problems land in `recorder.violations`."""

    def __init__(self, token: str = TOKEN, spec: Spec | None = None) -> None:
        super().__init__(token)
        self.token, self.spec = token, spec
        self._runner: web.AppRunner | None = None

    @classmethod
    @asynccontextmanager
    async def start(cls, port: int = 0, token: str = TOKEN, spec: Spec | None = None) -> "AsyncIterator[StandinDiscord]":
        """Serve on 127.0.0.1 (port 0 = any free one) until the block ends."""
        discord = cls(token, spec)
        await discord.listen(port)
        try:
            yield discord
        finally:
            await discord.stop()

    async def listen(self, port: int) -> None:
        """Bind and serve; sets `world.base`."""
        app = web.Application(client_max_size=REQUEST_LIMIT, middlewares=[own_pages])
        app.router.add_get("/gateway", self.gateway.serve)
        app.router.add_get("/gateway/", self.gateway.serve)
        app.router.add_get("/cdn/{path:.+}", self._cdn)
        app.router.add_route("*", API + "/{path:.+}", self._rest)
        control_routes(app, self)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        host, bound = self._runner.addresses[0][:2]
        self.world.base = f"http://{host}:{bound}"

    async def stop(self) -> None:
        """Close every socket and stop serving."""
        await self.gateway.close(1001)
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def base(self) -> str:
        """http://127.0.0.1:port"""
        return self.world.base

    @property
    def api_base(self) -> str:
        """What DISCORD_API_BASE must be."""
        return self.world.base + API

    @property
    def violations(self) -> list[str]:
        """Every rule broken so far: pings not switched off, requests or answers against Discord's OpenAPI, late interactions."""
        return self.recorder.violations

    async def _cdn(self, request: web.Request) -> web.Response:
        path = f"/cdn/{request.match_info['path']}"
        if fault := next((f for f in self.faults if f.path.startswith("/cdn/") and f.matches("GET", path)), None):
            fault.hits += 1
            if fault.drop:
                assert request.transport is not None
                request.transport.abort()
            return web.Response(status=fault.status or 404)
        data, kind = self.world.files.get(request.match_info["path"], (PIXEL, "image/png"))
        return web.Response(body=data, content_type=kind.partition(";")[0])

    async def _rest(self, request: web.Request) -> web.StreamResponse:
        path = request.rel_url.raw_path.removeprefix(API).replace("%40", "@")
        found = find(request.method, path)
        if found is None:
            self.violations.append(f"the stand-in has no {request.method} {path}")
            return _json({"message": "404: Not Found", "code": 0}, 404, {})
        entry, params = found
        call = await _parse(request, entry, path, params)
        fault = next((f for f in self.faults if f.matches(call.method, path)), None)
        status, body, headers = await self._handled(request, entry, call, fault)
        exchange = Exchange(call.method, call.template, path, call.query, call.raw, status, body)
        self._note(exchange, call)
        if fault is not None and fault.drop:
            exchange.dropped = True
            assert request.transport is not None
            request.transport.abort()
        return _json(body, status, headers)

    async def _handled(self, request: web.Request, entry: Route, call: Call, fault: Fault | None) -> tuple[int, object, dict[str, str]]:
        if fault is not None:
            fault.hits += 1
            await asyncio.sleep(fault.delay)
            if fault.hold is not None:
                await fault.hold.wait()
            if fault.status == 429:
                return 429, *too_many(fault.retry_after, fault.scope)
            if fault.status:
                return fault.status, {"message": fault.message, "code": fault.code}, {}
        if not entry.public and request.headers.get("Authorization") != f"Bot {self.token}":
            return 401, {"message": "401: Unauthorized", "code": 0}, {}
        if not entry.public and (wait := self.limits.everywhere()) > 0:
            return 429, *too_many(wait, "global")
        allowed, headers = self.limits.take(call.method, call.template, call.params)
        if not allowed:
            body, extra = too_many(float(headers["X-RateLimit-Reset-After"]), "user")
            return 429, body, headers | extra
        if call.template.startswith("/interactions/"):  # their answers belong to no bucket
            headers = {}
        return *(await self._answered(entry, call)), headers

    async def _answered(self, entry: Route, call: Call) -> tuple[int, object]:
        try:
            if call.refused is not None:
                raise call.refused
            reply: Reply = await entry.handler(self, call)
        except ApiError as error:
            return error.status, error.body()
        return reply.code(), reply.body

    def _note(self, exchange: Exchange, call: Call) -> None:
        self.recorder.exchanges.append(exchange)
        if exchange.status < 300:
            self.recorder.watch_pings(call.method, call.template, call.body)
        if self.spec is not None:
            self.violations.extend(judge(self.spec, exchange))
        self.notify()


def judge(spec: Spec, exchange: Exchange) -> list[str]:
    """Problems of one exchange under Discord's OpenAPI. Operations the document lacks are a problem, too."""
    if not spec.knows(exchange.method, exchange.template):
        return [f"Discord's OpenAPI does not know {exchange.method} {exchange.template}"]
    found = [] if exchange.request is None else spec.request_problems(exchange.method, exchange.template, exchange.request)
    if exchange.status != 429 or exchange.response:
        found += spec.response_problems(exchange.method, exchange.template, exchange.status, exchange.response)
    return found


@web.middleware
async def own_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer to this machine's own names only, and let no page of another site change anything: nobody logs in here."""
    name, origin = urlsplit(f"//{request.host}").hostname, request.headers.get("Origin")
    foreign = origin is not None and urlsplit(origin).netloc != request.host
    if name not in LOOPBACK or (foreign and request.method not in ("GET", "HEAD")):
        return web.Response(status=403, text="This stand-in answers to this machine and to its own page only.\n")
    return await handler(request)


async def _parse(request: web.Request, entry: Route, path: str, params: dict[str, str]) -> Call:
    """Read a request; what is wrong with it whoever handles it stands in `refused`: no JSON, no object, too large."""
    call = Call(entry.method, entry.template, path, params, dict(request.query), {}, None)
    try:
        await _read(request, call)
    except ValueError:
        call.refused = ApiError(*MALFORMED)
    except web.HTTPRequestEntityTooLarge:
        call.refused = ApiError(*TOO_LARGE)
    if any(len(data) > FILE_LIMIT for *_, data in call.files):
        call.refused = ApiError(*TOO_LARGE)
    if isinstance(call.raw, dict):
        call.body = call.raw
    elif call.raw is not None and not (isinstance(call.raw, list) and entry.method == "PUT"):
        call.refused = ApiError(400, 50035, "Invalid Form Body", {"_errors": [WRONG_TYPE]})
    return call


async def _read(request: web.Request, call: Call) -> None:
    if request.content_type != "multipart/form-data":
        data = await request.read() if request.can_read_body else b""
        call.raw = parsed(data.decode()) if data else None
        return
    for name, value in (await request.post()).items():
        if isinstance(value, web.FileField):
            call.files.append((name, value.filename, value.content_type, value.file.read()))
        elif name == "payload_json":
            call.raw = parsed(str(value))


def _json(body: object, status: int, headers: dict[str, str]) -> web.Response:
    """`Content-Type: application/json` without a charset: nextcord compares the whole header."""
    if body is None:
        return web.Response(status=status, headers=headers)
    return web.Response(body=json.dumps(body).encode(), status=status, headers=headers, content_type="application/json")
