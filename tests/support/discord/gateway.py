"""The websocket side: HELLO, IDENTIFY, READY, GUILD_CREATE, heartbeats, RESUME with replay, ops 7 and 9, lost sockets."""

import asyncio
import json
import secrets
import time
import zlib
from collections import deque
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web

from tests.support.discord import payloads
from tests.support.discord.errors import Json
from tests.support.discord.recorder import Recorder
from tests.support.discord.shapes import parsed
from tests.support.discord.world import World

DISPATCH, HEARTBEAT, IDENTIFY, PRESENCE, VOICE_STATE, RESUME, RECONNECT, MEMBERS, INVALID, HELLO, ACK = 0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11
GUILDS, GUILD_MEMBERS, GUILD_PRESENCES, MESSAGE_CONTENT = 1 << 0, 1 << 1, 1 << 8, 1 << 15
PRIVILEGED = GUILD_MEMBERS | GUILD_PRESENCES | MESSAGE_CONTENT
KNOWN_INTENTS = (1 << 26) - 1
SHAPES = (IDENTIFY, PRESENCE, VOICE_STATE, RESUME, MEMBERS)
VERSIONS = ("9", "10")
FRAME, FLOOD, PATIENCE = 4096, 120, 1.5
"""Largest frame in bytes, frames a minute, and after how many intervals without a heartbeat a client is given up."""
CLOSES = {
    4001: "Unknown opcode.",
    4002: "Error while decoding payload.",
    4003: "Not authenticated.",
    4004: "Authentication failed.",
    4005: "Already authenticated.",
    4008: "Rate limited.",
    4009: "Session timed out.",
    4010: "Invalid shard.",
    4012: "Invalid API version.",
    4013: "Invalid intent(s).",
    4014: "Disallowed intent(s).",
}
NEEDS = {  # event name -> (intent bit in a guild, intent bit in a DM)
    "MESSAGE": (1 << 9, 1 << 12),
    "MESSAGE_REACTION": (1 << 10, 1 << 13),
    "TYPING": (1 << 11, 1 << 14),
    "WEBHOOKS": (1 << 5, 1 << 5),
    "GUILD_MEMBER": (GUILD_MEMBERS, GUILD_MEMBERS),
}


class Socket:
    """One connection; compresses when the client asked for zlib-stream."""

    def __init__(self, ws: web.WebSocketResponse, compress: bool) -> None:
        self.ws, self._zlib = ws, zlib.compressobj() if compress else None
        self.beaten = False
        self._frames: deque[float] = deque(maxlen=FLOOD + 1)

    async def end(self, code: int) -> None:
        """Close with one of Discord's codes and its words."""
        await self.ws.close(code=code, message=CLOSES[code].encode())

    def floods(self) -> bool:
        """Count a frame; True when there are too many a minute."""
        now = time.monotonic()
        self._frames.append(now)
        return len(self._frames) > FLOOD and now - self._frames[0] < 60.0

    async def send(self, op: int, data: object, sequence: int | None = None, event: str | None = None) -> None:
        await self.write(json.dumps({"op": op, "d": data, "s": sequence, "t": event}))

    async def write(self, text: str) -> None:
        """A frame as it stands, which may be none that Discord would send."""
        if self.ws.closed:
            return
        try:
            if self._zlib is None:
                await self.ws.send_str(text)
            else:
                await self.ws.send_bytes(self._zlib.compress(text.encode()) + self._zlib.flush(zlib.Z_SYNC_FLUSH))
        except ConnectionError:
            pass  # the client is gone: it resumes and gets a replay


@dataclass
class Session:
    """One gateway session, which outlives its sockets until it is invalidated."""

    id: str
    intents: int
    socket: Socket | None = None
    shard: list[int] = field(default_factory=lambda: [0, 1])
    sent: list[tuple[int, str, object]] = field(default_factory=list)

    async def dispatch(self, event: str, data: object) -> None:
        """Number and remember an event, then send it if somebody is listening."""
        sequence = len(self.sent) + 1
        self.sent.append((sequence, event, data))
        if self.socket is not None:
            await self.socket.send(DISPATCH, data, sequence, event)


class Gateway:
    """All sessions. `allowed_privileged` is what the developer portal has switched on."""

    def __init__(self, world: World, recorder: Recorder) -> None:
        self.world, self.recorder = world, recorder
        self.allowed_privileged = PRIVILEGED
        self.heartbeat_ms = 41_250
        self.sessions: dict[str, Session] = {}
        self.presence: Json | None = None
        self.identifies = self.resumes = 0
        self.changed = asyncio.Event()

    @property
    def connected(self) -> bool:
        """Whether any session has an open socket."""
        return any(s.socket is not None for s in self.sessions.values())

    async def dispatch(self, event: str, data: Json) -> None:
        """Send an event to every session whose intents cover it, with content blanked where the intent is missing."""
        for session in list(self.sessions.values()):
            if covered(event, data, session.intents):
                await session.dispatch(event, self._visible(event, data, session.intents))

    def _visible(self, event: str, data: Json, intents: int) -> Json:
        if not event.startswith("MESSAGE_") or "content" not in data or intents & MESSAGE_CONTENT:
            return data
        own = data.get("author", {}).get("id") == self.world.bot.id
        named = any(m["id"] == self.world.bot.id for m in data.get("mentions", []))
        if own or named or "guild_id" not in data:
            return data
        return data | {"content": "", "embeds": [], "attachments": [], "components": []}

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """One websocket connection from upgrade to close."""
        ws = web.WebSocketResponse(compress=False, max_msg_size=1 << 20)
        await ws.prepare(request)
        socket = Socket(ws, request.query.get("compress") == "zlib-stream")
        if request.query.get("v", "10") not in VERSIONS or request.query.get("encoding", "json") != "json":
            await socket.end(4012)
            return ws
        await socket.send(HELLO, {"heartbeat_interval": self.heartbeat_ms, "_trace": ["stand-in"]})
        watch = asyncio.create_task(self._watch(socket))
        session: Session | None = None
        try:
            async for frame in ws:
                if frame.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    session = await self._framed(socket, session, frame.data)
        finally:
            watch.cancel()
            self._detach(session, socket, ws.close_code)
        return ws

    async def _watch(self, socket: Socket) -> None:
        """Drop a client that does not heartbeat: Discord waits for one interval and a half."""
        while not socket.ws.closed:
            socket.beaten = False
            await asyncio.sleep(self.heartbeat_ms * PATIENCE / 1000)
            if not socket.beaten:
                await socket.end(4009)

    async def _framed(self, socket: Socket, session: Session | None, data: str | bytes) -> Session | None:
        """One frame: of a size that Discord takes, JSON, and not one of a flood."""
        if len(data.encode() if isinstance(data, str) else data) > FRAME:
            await socket.end(4002)
            return session
        try:
            frame = parsed(data if isinstance(data, str) else data.decode())
        except ValueError:
            frame = None
        if not isinstance(frame, dict) or isinstance(frame.get("op"), bool) or not isinstance(frame.get("op"), int):
            await socket.end(4002)
            return session
        if socket.floods():
            await socket.end(4008)
            return session
        return await self._received(socket, session, frame)

    def _detach(self, session: Session | None, socket: Socket, code: int | None) -> None:
        if session is None or session.socket is not socket:
            return
        session.socket = None
        if code in (1000, 1001):  # a clean close from the client ends the session
            self.sessions.pop(session.id, None)
        self._note()

    def _note(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    async def _received(self, socket: Socket, session: Session | None, frame: Json) -> Session | None:
        op, data = frame.get("op"), frame.get("d")
        self.recorder.frames.append({"op": op, "d": _redacted(data)})
        if op == HEARTBEAT:
            return await self._beat(socket, session, data)
        if op not in SHAPES:
            await socket.end(4001)
        elif not isinstance(data, dict):
            await socket.end(4002)
        elif op in (IDENTIFY, RESUME):
            if session is not None:
                await socket.end(4005)
                return session
            return await (self._identify(socket, data) if op == IDENTIFY else self._resume(socket, data))
        elif session is None:
            await socket.end(4003)
        elif op == PRESENCE:
            self._presence(data)
        elif op == MEMBERS and not isinstance(data.get("guild_id"), int | str):
            await socket.end(4002)
        elif op == MEMBERS:
            await self._members(session, data)
        return session

    async def _beat(self, socket: Socket, session: Session | None, data: object) -> Session | None:
        if data is not None and (isinstance(data, bool) or not isinstance(data, int)):
            await socket.end(4002)
        else:
            socket.beaten = True
            await socket.send(ACK, None)
        return session

    def _presence(self, data: Json) -> None:
        if not isinstance(data.get("activities"), list) or "game" in data:
            self.recorder.violations.append(f"presence in a shape Discord does not know: {sorted(data)}")
        self.presence = data

    async def _identify(self, socket: Socket, data: Json) -> Session | None:
        intents = _whole(data.get("intents"))
        texts = isinstance(data.get("token"), str) and "intents" in data
        if not texts or not isinstance(data.get("properties"), dict) or not isinstance(data.get("presence", {}), dict):
            await socket.end(4002)
        elif data["token"].removeprefix("Bot ") != self.world.token:
            await socket.end(4004)
        elif not _is_shard(data.get("shard", [0, 1])):
            await socket.end(4010)
        elif intents < 0 or intents & ~KNOWN_INTENTS:
            await socket.end(4013)
        elif intents & PRIVILEGED & ~self.allowed_privileged:
            await socket.end(4014)
        else:
            return await self._ready(socket, data, intents)
        return None

    async def _ready(self, socket: Socket, data: Json, intents: int) -> Session:
        if "presence" in data:
            self._presence(data["presence"])
        session = Session(secrets.token_hex(16), intents, socket, data.get("shard", [0, 1]))
        self.sessions[session.id] = session
        self.identifies += 1
        await session.dispatch("READY", self._hello(session))
        if intents & GUILDS:
            for guild in self.world.guilds.values():
                await session.dispatch("GUILD_CREATE", payloads.guild_create(self.world, guild))
        self._note()
        return session

    def _hello(self, session: Session) -> Json:
        world = self.world
        return {
            "v": 10,
            "user": payloads.me(world.bot),
            "guilds": [{"id": g, "unavailable": True} for g in world.guilds],
            "session_id": session.id,
            "resume_gateway_url": world.base.replace("http", "ws", 1) + "/gateway",
            "shard": session.shard,
            "application": {"id": world.application_id, "flags": (1 << 19) | (1 << 15)},
            "session_type": "normal",
            "private_channels": [],
            "presences": [],
            "relationships": [],
            "user_settings": {},
            "_trace": ["stand-in"],
        }

    async def _resume(self, socket: Socket, data: Json) -> Session | None:
        session = self.sessions.get(str(data.get("session_id")))
        if data.get("token") != self.world.token:
            await socket.end(4004)
            return None
        seen = _whole(data.get("seq"))
        if session is None or not 0 <= seen <= len(session.sent):
            await socket.send(INVALID, False)  # nothing to go on with: it must identify anew
            return None
        session.socket = socket
        self.resumes += 1
        for sequence, event, payload in [e for e in session.sent if e[0] > seen]:
            await socket.send(DISPATCH, payload, sequence, event)
        await session.dispatch("RESUMED", {"_trace": ["stand-in"]})
        self._note()
        return session

    async def _members(self, session: Session, data: Json) -> None:
        guild = self.world.guilds.get(str(data["guild_id"]))
        if guild is None:
            return  # of a server that is not the bot's nobody is told anything
        people = [payloads.member(self.world.users[i]) for i in sorted(guild.members, key=int)]
        chunk: Json = {"guild_id": guild.id, "members": people, "chunk_index": 0, "chunk_count": 1, "not_found": []}
        await session.dispatch("GUILD_MEMBERS_CHUNK", chunk | ({"nonce": data["nonce"]} if "nonce" in data else {}))

    async def reconnect(self) -> None:
        """Op 7 to everybody."""
        for session in self.sessions.values():
            if session.socket:
                await session.socket.send(RECONNECT, None)

    async def invalidate(self, *, resumable: bool = False) -> None:
        """Op 9 to everybody; without `resumable` the sessions are forgotten."""
        for session in list(self.sessions.values()):
            if session.socket:
                await session.socket.send(INVALID, resumable)
            if not resumable:
                self.sessions.pop(session.id, None)

    async def cut(self) -> None:
        """Lose every socket without a close frame; sessions stay resumable."""
        for session in self.sessions.values():
            if session.socket is not None:
                transport = session.socket.ws._req.transport if session.socket.ws._req else None
                session.socket = None
                if transport is not None:
                    transport.abort()

    async def close(self, code: int) -> None:
        """Close every socket with this code."""
        for session in list(self.sessions.values()):
            if session.socket:
                await session.socket.ws.close(code=code)


def covered(event: str, data: Json, intents: int) -> bool:
    """Whether a session with these intents receives this event."""
    family = next((f for f in sorted(NEEDS, key=len, reverse=True) if event.startswith(f)), None)
    if family is None:
        return True
    in_guild, in_dm = NEEDS[family]
    return bool(intents & (in_guild if data.get("guild_id") else in_dm))


def _whole(value: object) -> int:
    """A whole number that is not negative; -1 for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else -1


def _is_shard(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and 0 <= _whole(value[0]) < _whole(value[1])


def _redacted(data: object) -> object:
    return data | {"token": "***"} if isinstance(data, dict) and "token" in data else data
