"""A provider that misbehaves on request: every status, broken body and bad end of a stream, and a journal of what it was asked.

    async with FaultServer.running() as provider:
        provider.script = [Status(429, retry_after="7"), Reply("Hello")]     # one after the other, the last for ever
        provider.per_model["bad/model"] = Status(404)
        provider.journal                                                    # what arrived: model, turn, body, time

Speaks plain HTTP over asyncio streams, because a framework would refuse to send most of this.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from engine import clock


@dataclass(frozen=True, slots=True)
class ProviderRequest:
    """One request as it arrived. `call` is X-Client-Request-Id, `key` what came after Bearer."""

    model: str
    call: str
    key: str
    body: dict[str, Any]
    at: float
    path: str = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Reply:
    """A good answer, streamed when asked so, `pause` seconds between two words."""

    text: str = "Well, hello there."
    reasoning: str = ""
    model: str | None = None
    finish_reason: str = "stop"
    usage: dict[str, Any] | None = None
    pause: float = 0.0
    before: float = 0.0
    comments: int = 0


@dataclass(frozen=True, slots=True)
class Status:
    """An error in the provider's own shape."""

    status: int
    message: str = "no"
    error_type: str = ""
    retry_after: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Raw:
    """These bytes as a body, whatever they are."""

    body: bytes
    status: int = 200
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Stream:
    """These pieces of an event stream, `pause` seconds apart; then the end `how`: proper, cut (no last chunk), reset, hang."""

    pieces: Sequence[bytes]
    pause: float = 0.0
    how: str = "proper"
    repeat: bool = False


@dataclass(frozen=True, slots=True)
class Nothing:
    """The connection is closed (or reset, or left hanging) before a word."""

    how: str = "close"


Behaviour = Reply | Status | Raw | Stream | Nothing
Decide = Callable[[ProviderRequest], Behaviour]


def event(document: object) -> bytes:
    """One event of a stream."""
    return b"data: " + (document if isinstance(document, bytes) else json.dumps(document).encode()) + b"\n\n"


def chunk(text: str, **more: Any) -> dict[str, Any]:
    """One document of a stream that adds text."""
    head = {"id": "fault-1", "object": "chat.completion.chunk", "created": 1, "model": "fault/model"}
    return head | {"choices": [{"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}]} | more


@dataclass(slots=True)
class FaultServer:
    """The server. Change its fields at any time."""

    script: list[Behaviour] = field(default_factory=lambda: [Reply()])
    per_model: dict[str, Behaviour] = field(default_factory=dict)
    decide: Decide | None = None
    models: list[dict[str, Any]] = field(default_factory=list)
    journal: list[ProviderRequest] = field(default_factory=list)
    answered: Counter[int] = field(default_factory=Counter)
    address: str = ""
    _open: set[asyncio.Task[None]] = field(default_factory=set)

    @classmethod
    @asynccontextmanager
    async def running(cls, *script: Behaviour) -> AsyncIterator["FaultServer"]:
        """Listen on a free port for as long as the block lasts."""
        server = cls(script=list(script) or [Reply()])
        listening = await asyncio.start_server(server._connected, "127.0.0.1", 0, limit=16 * 1024 * 1024)
        server.address = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1"
        try:
            yield server
        finally:
            listening.close()
            for task in server._open:
                task.cancel()
            await asyncio.gather(*server._open, return_exceptions=True)

    def calls(self) -> Counter[str]:
        """Requests for a completion by the name the caller gave them."""
        return Counter(asked.call for asked in self.journal)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._serve(reader, writer)
        finally:
            self._open.discard(task)
            with suppress(ConnectionError):
                writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *fields = head.split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (entry.partition(":") for entry in fields if entry)}
        path = line.split(" ")[1]
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        if path.endswith(("/models", "/key")):
            return await _send(writer, 200, json.dumps({"data": self.models if path.endswith("/models") else {"label": "x"}}).encode())
        document = _form(headers["content-type"], body) if "multipart/" in headers.get("content-type", "") else json.loads(body or b"{}")
        asked = ProviderRequest(
            document.get("model", ""),
            headers.get("x-client-request-id", ""),
            headers.get("authorization", "")[7:],
            document,
            clock.monotonic(),
            path,
        )
        self.journal.append(asked)
        await self._behave(self._next(asked), asked, writer)
        return None

    def _next(self, asked: ProviderRequest) -> Behaviour:
        if self.decide is not None:
            return self.decide(asked)
        if asked.model in self.per_model:
            return self.per_model[asked.model]
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]

    async def _behave(self, behaviour: Behaviour, asked: ProviderRequest, writer: asyncio.StreamWriter) -> None:
        match behaviour:
            case Reply():
                self.answered[200] += 1
                await _reply(writer, behaviour, asked)
            case Status():
                self.answered[behaviour.status] += 1
                await _status(writer, behaviour)
            case Raw():
                self.answered[behaviour.status] += 1
                await _send(writer, behaviour.status, behaviour.body, behaviour.content_type, behaviour.headers)
            case Stream():
                self.answered[200] += 1
                await _stream(writer, behaviour)
            case Nothing():
                await _end(writer, behaviour.how)


def _form(kind: str, body: bytes) -> dict[str, Any]:
    """The fields of a form; a file's as bytes, and its name beside it."""
    whole = BytesParser(policy=HTTP).parsebytes(b"content-type: " + kind.encode() + b"\r\n\r\n" + body)
    found: dict[str, Any] = {}
    for part in whole.iter_parts():
        name, content = str(part.get_param("name", header="content-disposition")), part.get_payload(decode=True)
        assert isinstance(content, bytes)
        filename = part.get_filename()
        found |= {name: content.decode()} if filename is None else {name: content, f"{name}name": filename}
    return found


async def _send(
    writer: asyncio.StreamWriter, status: int, body: bytes, content_type: str = "application/json", headers: Sequence[tuple[str, str]] = ()
) -> None:
    lines = [f"HTTP/1.1 {status} Whatever", f"content-type: {content_type}", f"content-length: {len(body)}", "connection: close"]
    lines += [f"{name}: {value}" for name, value in headers]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    for start in range(0, len(body), 65_536):
        writer.write(body[start : start + 65_536])
        await writer.drain()


async def _status(writer: asyncio.StreamWriter, behaviour: Status) -> None:
    error: dict[str, Any] = {"code": behaviour.status, "message": behaviour.message}
    if behaviour.error_type:
        error["metadata"] = {"error_type": behaviour.error_type}
    headers = [*behaviour.headers, *([("Retry-After", behaviour.retry_after)] if behaviour.retry_after is not None else [])]
    await _send(writer, behaviour.status, json.dumps({"error": error} | behaviour.extra).encode(), headers=headers)


async def _reply(writer: asyncio.StreamWriter, reply: Reply, asked: ProviderRequest) -> None:
    if reply.before:
        await asyncio.sleep(reply.before)
    model = reply.model or asked.model
    usage = reply.usage or {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    if not asked.body.get("stream"):
        message = {"role": "assistant", "content": reply.text, "reasoning": reply.reasoning or None, "refusal": None}
        choice = {"index": 0, "message": message, "finish_reason": reply.finish_reason, "logprobs": None}
        head = {"id": "fault-1", "object": "chat.completion", "created": 1, "model": model, "system_fingerprint": None}
        return await _send(writer, 200, json.dumps(head | {"choices": [choice], "usage": usage}).encode())
    words = [word + " " for word in reply.text.split(" ")]
    words[-1] = words[-1][:-1]
    pieces = [b": OPENROUTER PROCESSING\n\n"] * reply.comments
    if reply.reasoning:
        delta = {"role": "assistant", "content": "", "reasoning": reply.reasoning}
        pieces.append(event(chunk("", model=model, choices=[{"index": 0, "delta": delta, "finish_reason": None}])))
    pieces += [event(chunk(word, model=model)) for word in words]
    pieces.append(event(chunk("", model=model, choices=[{"index": 0, "delta": {}, "finish_reason": reply.finish_reason}])))
    pieces += [event(chunk("", model=model, choices=[], usage=usage)), event(b"[DONE]")]
    return await _stream(writer, Stream(pieces, reply.pause))


async def _stream(writer: asyncio.StreamWriter, behaviour: Stream) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n")
    while True:
        for piece in behaviour.pieces:
            writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            await writer.drain()
            if behaviour.pause:
                await asyncio.sleep(behaviour.pause)
        if not behaviour.repeat:
            break
    if behaviour.how == "proper":
        writer.write(b"0\r\n\r\n")
        await writer.drain()
    else:
        await _end(writer, behaviour.how)


async def _end(writer: asyncio.StreamWriter, how: str) -> None:
    if how == "hang":
        await asyncio.Event().wait()
    if how == "reset":
        await writer.drain()
        writer.transport.abort()
