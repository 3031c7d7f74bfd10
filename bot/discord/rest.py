"""Requests to Discord with a retry policy of our own: waits when told to, and never repeats a post that may have been accepted."""

import asyncio
import json
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import aiohttp

from bot.delivery.errors import Busy, Refused, Unsure
from bot.delivery.venue import Upload
from bot.discord.limits import REQUESTS_PER_SECOND
from engine import clock, log

TIMEOUT_S = 15.0
UPLOAD_S = 60.0
"""How long a request with a file may take."""
HOLD_S = 10.0
"""A longer pause is handed back to the caller: one limit's pause must not keep the locks and leases of others."""
AGENT = "DiscordBot (https://github.com/tzurot, 0.1)"
__all__ = ["Busy", "Refused", "Rest", "Unsure"]
PASSING = (408, 425)
"""Refusals that say nothing against the request itself."""
_log = log.get("discord.rest")
_SECRET = re.compile(r"(/(?:webhooks|interactions)/\d+/)[^/?]+")


type Body = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None


class Rest:
    """One per process. Every call paces itself to Discord's global limit and to the limits its answers announce."""

    def __init__(self, base: str, token: str, session: aiohttp.ClientSession) -> None:
        self._base, self._token, self._session = base, token, session
        self._until: dict[str, float] = {}
        self._recent: deque[float] = deque(maxlen=REQUESTS_PER_SECOND - 5)
        self.invalid = 0
        self.on_answer: Callable[[str, str, int, int], None] = lambda method, path, status, code: None
        """Told of every answer: method, path, status, and Discord's code, 0 for none."""

    async def call(
        self,
        method: str,
        path: str,
        body: Body = None,
        query: Mapping[str, str] | None = None,
        *,
        auth: bool = True,
        file: Upload | None = None,
    ) -> Any:
        """The answer's JSON (None for 204). Raises Refused, Unsure, or Busy.

        With a file the body goes beside it. A request without `auth` goes to a webhook by its token: those do not count against the
        bot's global limit.
        """
        what = f"{method} {_SECRET.sub(r'\1…', path)}"
        waited = 0.0
        while True:
            waited += await self._pace(f"{method} {path}", everywhere=auth)
            status, answer, headers = await self._send(method, path, body, query, what, auth=auth, file=file)
            self._announced(f"{method} {path}", headers)
            if status != 429:
                self.on_answer(method, path, status, _code(answer))
                return self._judged(status, answer, what)
            wait = self._told_to_wait(f"{method} {path}", answer, headers)
            self.invalid += headers.get("X-RateLimit-Scope") != "shared"
            _log.warning("rate limited", route=what, wait_s=round(wait, 2), everywhere=bool(headers.get("X-RateLimit-Global")))
            if waited + wait > HOLD_S:
                raise Busy(wait)

    def _judged(self, status: int, answer: Any, what: str) -> Any:
        if status < 300:
            return answer
        if status >= 500 or status in PASSING:
            raise Unsure(what, f"HTTP {status}")
        self.invalid += status in (401, 403)
        raise Refused(status, _code(answer), what)

    async def _send(
        self, method: str, path: str, body: Body, query: Mapping[str, str] | None, what: str, *, auth: bool, file: Upload | None
    ) -> tuple[int, Any, Mapping[str, str]]:
        headers = {"User-Agent": AGENT} | ({"Authorization": f"Bot {self._token}"} if auth else {})
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S if file is None else UPLOAD_S)
        sent: Mapping[str, Any] = {"json": body} if file is None else {"data": _form(body, file)}
        try:
            async with self._session.request(method, self._base + path, params=query, headers=headers, timeout=timeout, **sent) as response:
                raw = await response.read()
                return response.status, _parsed(raw), response.headers
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unsure(what, type(error).__name__) from None

    async def _pace(self, route: str, *, everywhere: bool) -> float:
        """Wait until this route and, if it counts, the global limit have room; returns the seconds waited.

        Raises Busy instead of sitting out a long pause: whoever waits here may hold what others need.
        """
        before = clock.monotonic()
        while True:
            now = clock.monotonic()
            ready = self._until.get(route, 0.0)
            if everywhere:
                ready = max(ready, self._until.get("everywhere", 0.0))
                if len(self._recent) == self._recent.maxlen:
                    ready = max(ready, self._recent[0] + 1.0)
            if ready <= now:
                if everywhere:
                    self._recent.append(now)
                return now - before
            if ready - before > HOLD_S:
                raise Busy(ready - now)
            await asyncio.sleep(ready - now)

    def _announced(self, route: str, headers: Mapping[str, str]) -> None:
        if headers.get("X-RateLimit-Remaining") == "0":
            self._until[route] = clock.monotonic() + _number(headers.get("X-RateLimit-Reset-After"), 0.0)
        if len(self._until) > 1000:
            now = clock.monotonic()
            self._until = {key: until for key, until in self._until.items() if until > now}

    def _told_to_wait(self, route: str, answer: Any, headers: Mapping[str, str]) -> float:
        told = answer.get("retry_after") if isinstance(answer, dict) else None
        wait = _number(told if told is not None else headers.get("Retry-After"), 1.0)
        until = clock.monotonic() + wait
        self._until[route] = max(self._until.get(route, 0.0), until)
        if headers.get("X-RateLimit-Global"):
            self._until["everywhere"] = until
        return wait


def _form(body: Body, file: Upload) -> aiohttp.FormData:
    """A body with a file beside it, as Discord takes them."""
    form = aiohttp.FormData()
    form.add_field("payload_json", json.dumps(body))
    form.add_field("files[0]", file.content, filename=file.name, content_type=file.media_type)
    return form


def _code(answer: Any) -> int:
    code = answer.get("code") if isinstance(answer, dict) else None
    return code if isinstance(code, int) else 0


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return None


def _number(value: object, default: float) -> float:
    try:
        return max(0.0, float(str(value)))
    except ValueError:
        return default
