"""The servers of one worker process: connected to when a turn needs one, kept, and given up when they fail.

A server is trusted with nothing: what it calls its tools and what it answers is cut and cleaned, and whatever it does ends in a sentence.
"""

import asyncio
import importlib.util
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from engine import clock, log
from engine.config import Settings
from engine.errors import SettingsError
from engine.outside import clean
from engine.resources.craft import mcp
from engine.resources.craft.mcp import McpServer
from engine.resources.craft.tools import LONGEST_RESULT, Unusable
from worker.mcp import wire

CONNECT_S = 8.0
"""Longest time until a server has said which tools it has; a turn waits no longer for one."""
AGAIN_S = 60.0
"""Time a server that failed is left alone, and after which one is asked anew which tools it has."""
MOST_TOOLS = 32
"""Tools of one server that are looked at."""
MOST_OFFERED = 16
"""Tools of all servers together that a model is offered in one turn."""
LONGEST_ABOUT, LONGEST_SCHEMA, LONGEST_OFFER = 1000, 4000, 20_000
"""Characters: of a tool's words, of its schema as JSON, of all that is offered."""
_PAGES = 4
_PLAIN = re.compile(r"[^A-Za-z0-9_-]+")
_log = log.get("mcp")


@dataclass(frozen=True, slots=True)
class RemoteTool:
    """One tool of a server. `name` is what a model calls it; with `acts` it may change something, so it is tried at most once."""

    server: str
    tool: str
    about: str
    schema: Mapping[str, Any]
    acts: bool = True

    @property
    def name(self) -> str:
        """Of letters, digits, - and _, which every provider takes."""
        return _PLAIN.sub("_", f"{self.server}_{self.tool}")[:64]

    @property
    def function(self) -> dict[str, Any]:
        """How requests name it."""
        return {"type": "function", "function": {"name": self.name, "description": self.about, "parameters": dict(self.schema)}}


@dataclass(slots=True)
class _Session:
    """A connection that stands, with the tools there are and when that was said."""

    speaks: Any
    over: wire.Wire
    tools: tuple[RemoteTool, ...]
    listed: float


@dataclass(slots=True)
class Connection:
    """One server. A task of its own holds the connection, because who opened it has to close it."""

    name: str
    server: McpServer
    _session: _Session | None = None
    _task: asyncio.Task[None] | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _failed: tuple[float, str] = (0.0, "")

    async def tools(self) -> tuple[RemoteTool, ...]:
        """The tools it has, as said in the last minute. Raises Unusable."""
        session = await self._standing()
        if clock.monotonic() - session.listed > AGAIN_S:
            try:
                async with asyncio.timeout(CONNECT_S):
                    session.tools, session.listed = await _listed(self.name, session), clock.monotonic()
            except Exception:  # whatever a server of somebody else's comes up with; a new connection tells
                await self.close()
                session = await self._standing()
        return session.tools

    async def call(self, tool: RemoteTool, arguments: Mapping[str, Any]) -> Any:
        """What the server answers. Raises Unusable with a sentence for whatever else it does; time is the caller's to bound."""
        from mcp_types import CallToolRequest, CallToolRequestParams, CallToolResult

        session = await self._standing()
        session.over.asked()
        # Not `call_tool`, which holds the answer against a schema of the server's: its patterns could stop this process.
        request = CallToolRequest(params=CallToolRequestParams(name=tool.tool, arguments=dict(arguments)))
        try:
            return await session.speaks.send_request(request, CallToolResult)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # of the library, or of whatever it made of the answer
            _log.warning("a server failed", server=self.name, error=type(error).__name__)
            why = _refusal(error)
            if why is None:
                why = session.over.why if session.over.ended.is_set() or session.over.bad else "The server's answer cannot be read."
                await self.close()
            raise Unusable(why) from None

    async def close(self) -> None:
        """End the connection; the next use makes another."""
        task, self._task, self._session = self._task, None, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _standing(self) -> _Session:
        async with self._lock:
            if self._session is not None and self._task is not None and not self._task.done() and not self._session.over.ended.is_set():
                return self._session
            await self.close()
            until, why = self._failed
            if clock.monotonic() < until:
                raise Unusable(why)
            ready: asyncio.Future[_Session] = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._held(ready))
            try:
                async with asyncio.timeout(CONNECT_S):
                    self._session = await asyncio.shield(ready)
            except TimeoutError:
                await self.close()
                raise self._given_up(f"The server {self.name} does not answer.") from None
            except Unusable as error:
                await self.close()
                raise self._given_up(str(error)) from None
            return self._session

    def _given_up(self, why: str) -> Unusable:
        self._failed = (clock.monotonic() + AGAIN_S, why)
        return Unusable(why)

    async def _held(self, ready: "asyncio.Future[_Session]") -> None:
        wires: list[wire.Wire] = []
        try:
            await asyncio.to_thread(_speaking)
            from mcp.client.session import ClientSession

            over = wire.process(self.server, wires) if self.server.command else wire.web(self.server, wires)
            async with over as wired, ClientSession(wired.read, wired.write) as speaks:
                await speaks.initialize()
                session = _Session(speaks, wired, (), clock.monotonic())
                session.tools = await _listed(self.name, session)
                if not ready.done():
                    ready.set_result(session)
                await wired.ended.wait()
        except Exception as error:  # whatever it is, a turn goes on without this server
            _log.warning("a server cannot be used", server=self.name, error=type(error).__name__)
            if not ready.done():
                ready.set_exception(Unusable(self._unusable(wires)))

    def _unusable(self, wires: Sequence[wire.Wire]) -> str:
        if wires and (wires[0].bad or wires[0].ended.is_set()):
            return f"{wires[0].why[:-1]} ({self.name})."
        return f"The server {self.name} {'is not understood' if wires else 'cannot be started'}."


def _refusal(error: Exception) -> str | None:
    """What a server said instead of an answer, where it is one that goes on; None where the connection is of no more use."""
    from mcp.shared.exceptions import MCPError
    from mcp_types import CONNECTION_CLOSED

    if not isinstance(error, MCPError) or error.error.code == CONNECTION_CLOSED:
        return None
    return f"The server refused: {clean.name(error.error.message, 300)}"


def _speaking() -> None:
    """Import the library, which takes half a second: beside the event loop. What it logs may hold what servers say, so nobody hears it."""
    import mcp.client.session
    import mcp.client.streamable_http  # noqa: F401  # so that it is there

    for name in [*logging.root.manager.loggerDict]:
        if name.partition(".")[0] in ("mcp", "client", "httpx2", "httpcore2"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)


async def _listed(server: str, session: _Session) -> tuple[RemoteTool, ...]:
    from mcp_types import ListToolsRequest, ListToolsResult, PaginatedRequestParams

    found: list[RemoteTool] = []
    cursor: str | None = None
    for _ in range(_PAGES):
        session.over.asked()
        params = PaginatedRequestParams(cursor=cursor) if cursor else None
        page = await session.speaks.send_request(ListToolsRequest(params=params), ListToolsResult)
        found += [tool for listed in page.tools[:MOST_TOOLS] if (tool := remote(server, listed)) is not None]
        cursor = page.next_cursor
        if not cursor or len(found) >= MOST_TOOLS:
            break
    return tuple({tool.name: tool for tool in reversed(found[:MOST_TOOLS])}.values())[::-1]


def remote(server: str, listed: Any) -> RemoteTool | None:
    """A tool as a server lists it; None for one that cannot be offered. Pure."""
    schema = orjson.dumps(listed.input_schema)
    if not listed.name or len(listed.name) > 128 or len(schema) > LONGEST_SCHEMA:
        return None
    read_only = listed.annotations is not None and listed.annotations.read_only_hint is True
    about = clean.name(listed.description or listed.name, LONGEST_ABOUT)
    return RemoteTool(server, listed.name, about, orjson.loads(clean.storable(schema.decode())), acts=not read_only)


class McpServers:
    """All servers the operator named. Raises SettingsError when there are any and the library is not there."""

    def __init__(self, servers: Mapping[str, McpServer]) -> None:
        if servers and importlib.util.find_spec("mcp") is None:
            raise SettingsError("MCP_SERVERS_FILE names servers, but the extra `mcp` is not installed: pip install 'tzurot[mcp]'.")
        self._all = {name: Connection(name, server) for name, server in servers.items()}

    @classmethod
    def of(cls, settings: Settings) -> "McpServers":
        return cls(mcp.load(settings.mcp_servers_file))

    async def __aenter__(self) -> "McpServers":
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(one.close() for one in self._all.values()))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._all)

    async def offered(self, given: Sequence[str]) -> "Offer":
        """The tools of servers that a character was given, and why others are not there."""
        wanted = mcp.wanted(given)
        found = await asyncio.gather(*(self._of(name, only) for name, only in wanted.items()))
        tools: dict[str, RemoteTool] = {}
        missing = [why for _, why in found if why]
        size = 0
        for tool in (one for several, _ in found for one in several):
            size += len(orjson.dumps(tool.function))
            if len(tools) == MOST_OFFERED or size > LONGEST_OFFER:
                missing.append(f"more than {MOST_OFFERED} tools of servers, or too long: name the ones it needs")
                break
            tools.setdefault(tool.name, tool)
        return Offer(tools, tuple(missing))

    async def _of(self, name: str, only: frozenset[str] | None) -> tuple[tuple[RemoteTool, ...], str]:
        connection = self._all.get(name)
        if connection is None:
            return (), f"mcp:{name}: there is no such server in MCP_SERVERS_FILE"
        try:
            tools = await connection.tools()
        except Unusable as error:
            return (), f"mcp:{name}: {error}"
        lacking = sorted((only or frozenset()) - {tool.tool for tool in tools})
        chosen = tuple(tool for tool in tools if only is None or tool.tool in only)
        return chosen, f"mcp:{name}: it has no {', '.join(lacking)}" if lacking else ""

    async def use(self, tool: RemoteTool, arguments: Mapping[str, Any]) -> tuple[str, bool]:
        """What the server says, as text, and whether it says that it did it. Raises Unusable."""
        answer = await self._all[tool.server].call(tool, arguments)
        return words(answer), not answer.is_error


@dataclass(frozen=True, slots=True)
class Offer:
    """What servers bring to one turn: their tools by the names models use, and a sentence for each thing that is not there."""

    tools: Mapping[str, RemoteTool] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


NOTHING = Offer()


def words(answer: Any) -> str:
    """A result as text: what is none is named, not shown. Pure."""
    said: list[str] = []
    for part in answer.content:
        kind = str(getattr(part, "type", ""))
        if kind == "text":
            said.append(part.text)
        elif kind == "resource" and hasattr(part.resource, "text"):
            said.append(part.resource.text)
        else:
            said.append(f"[{clean.name(kind, 20) or 'something'}, which cannot be shown here]")
    if not said and answer.structured_content is not None:
        said.append(orjson.dumps(answer.structured_content).decode())
    return clean.storable("\n".join(said)[:LONGEST_RESULT]).strip() or "Done, without a word."
