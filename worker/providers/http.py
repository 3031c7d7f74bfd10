"""The only HTTP client. Every answer has a time limit for the whole of it and a size limit while it arrives."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import orjson

from engine import lean
from engine.config import Settings
from engine.errors import SettingsError
from engine.fault import Category, Fault
from worker.providers import address
from worker.providers.encoding import Decoder, Undecodable
from worker.providers.failure import ProviderFailed, TooLong

with lean.without("click"):  # for a command line of its own
    import httpx

BODY_LIMIT = 2 * 1024 * 1024
"""Bytes of one answer, streamed or not; after decompression."""
STREAM_LIMIT = 32 * 1024 * 1024
"""Bytes of an answer that is read part by part, of which only what is needed is kept."""
CONNECT_SECONDS = 10.0
_LEADS = "location"
_AT_ONCE = 16 * 1024
"""Bytes that are handed on before others get their turn: the oddest of them take 30 ms to read."""


@dataclass(frozen=True, slots=True)
class Response:
    """A complete answer: status, headers with lower-case names, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Streamed:
    """An answer whose body is still arriving; iterate `chunks` once."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class Way:
    """How the network is left: through a proxy, and with a private authority's certificates beside the usual ones. SettingsError.

    The address of the proxy may hold a password and is not shown by repr.
    """

    proxy: str | None = field(default=None, repr=False)
    ca_file: Path | None = None

    @classmethod
    def of(cls, settings: Settings) -> "Way":
        proxy = settings.provider_proxy.get_secret_value() if settings.provider_proxy else None
        return cls(proxy, settings.provider_ca_file)

    def trust(self) -> ssl.SSLContext:
        """Whom we trust. Raises SettingsError when the file cannot be read or holds no certificate."""
        if self.ca_file is None:
            return _usual()
        context = httpx.create_ssl_context(trust_env=False)
        file = self.ca_file.expanduser()
        try:
            context.load_verify_locations(cafile=str(file))
        except (OSError, ssl.SSLError) as error:
            why = "it holds no certificate in PEM form" if isinstance(error, ssl.SSLError) else str(error.strerror)
            raise SettingsError(f"PROVIDER_CA_FILE names {file}, which cannot be used: {why}.") from None
        return context

    def through(self) -> httpx.Proxy | None:
        """The proxy. Raises SettingsError for an address that is none."""
        if not self.proxy:
            return None
        if not self.proxy.lower().startswith(("http://", "https://")):
            raise SettingsError("PROVIDER_PROXY is no proxy of HTTP's. Write it as http://host:port or https://host:port.")
        try:
            found = httpx.Proxy(self.proxy)
        except (httpx.InvalidURL, ValueError):
            found = None
        if found is None or not found.url.host or "%" in found.url.host or found.url.port == 0 or (found.url.port or 1) > 65_535:
            raise SettingsError("PROVIDER_PROXY is no address of a proxy. Write it as http://host:port or https://host:port.")
        return found


STRAIGHT = Way()


@cache
def _usual() -> ssl.SSLContext:
    """The usual authorities, which nobody adds to: reading them takes 25 ms."""
    return httpx.create_ssl_context(trust_env=False)


class Http:
    """One client per process. Open with `async with`. Raises SettingsError for a way that cannot be gone."""

    def __init__(self, way: Way = STRAIGHT, *, connections: int = 128) -> None:
        # The read time-out is no use against a slow drip, so it is left to the limit on the whole exchange.
        self._proxied = way.proxy is not None
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(None, connect=CONNECT_SECONDS, pool=CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=32, keepalive_expiry=20.0),
            follow_redirects=False,
            trust_env=False,
            verify=way.trust(),
            proxy=way.through(),
            event_hooks={"response": [_unparsed]},
        )

    async def __aenter__(self) -> "Http":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        seconds: float,
        limit: int = BODY_LIMIT,
        name: str | None = None,
    ) -> AsyncIterator[Streamed]:
        """Send a request and hand out its answer as it arrives. `name` is whose certificate is asked for where the address is a number.

        Everything within the block counts towards `seconds`. Raises ProviderFailed with timeout, network or bad_response, TooLong.
        """
        sent = {"accept-encoding": "gzip, deflate", **headers}
        more = {} if name is None else {"sni_hostname": name}
        try:
            async with (
                asyncio.timeout(seconds),
                self._client.stream(method, url, headers=sent, content=body, extensions=more) as answer,
                aclosing(_limited(answer, limit)) as chunks,
            ):
                leads = {"location": answer.extensions[_LEADS]} if _LEADS in answer.extensions else {}
                yield Streamed(answer.status_code, dict(answer.headers) | leads, chunks)
        except TimeoutError:
            raise ProviderFailed(Fault(Category.TIMEOUT, technical_details=f"no complete answer within {seconds:g} s")) from None
        except httpx.ConnectTimeout:
            fault = address.unreached(url, TimeoutError(f"no connection within {CONNECT_SECONDS:g} s"), proxied=self._proxied)
            raise ProviderFailed(replace(fault, category=Category.TIMEOUT)) from None
        except httpx.TimeoutException as error:
            raise ProviderFailed(Fault(Category.TIMEOUT, technical_details=type(error).__name__)) from None
        except (httpx.DecodingError, httpx.RemoteProtocolError) as error:
            raise ProviderFailed(Fault(_of_protocol(error), technical_details=f"{type(error).__name__}: {error}"[:300])) from None
        except (httpx.ConnectError, httpx.ProxyError, httpx.UnsupportedProtocol, httpx.InvalidURL, UnicodeError) as error:
            raise ProviderFailed(address.unreached(url, error, proxied=self._proxied)) from None
        except (httpx.TransportError, ssl.SSLError, OSError) as error:
            raise ProviderFailed(Fault(Category.NETWORK, technical_details=f"{type(error).__name__}: {error}"[:300])) from None

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        seconds: float,
        limit: int = BODY_LIMIT,
        name: str | None = None,
    ) -> Response:
        """Send a request and read its whole answer. Raises ProviderFailed as `stream` does."""
        async with self.stream(method, url, headers=headers, body=body, seconds=seconds, limit=limit, name=name) as answer:
            return Response(answer.status, answer.headers, b"".join([chunk async for chunk in answer.chunks]))

    async def json(
        self, method: str, url: str, payload: object = None, *, headers: Mapping[str, str], seconds: float, limit: int = BODY_LIMIT
    ) -> Response:
        """The same with a JSON body."""
        body = None if payload is None else orjson.dumps(payload)
        return await self.request(
            method, url, headers={"content-type": "application/json", **headers}, body=body, seconds=seconds, limit=limit
        )


async def _unparsed(answer: httpx.Response) -> None:
    """Put aside where an answer leads: httpx reads that as an address, though it is not gone to, and fails where it is none."""
    if "location" in answer.headers:
        answer.extensions[_LEADS] = answer.headers.pop("location")


async def _limited(answer: httpx.Response, limit: int) -> AsyncGenerator[bytes]:
    """The body, decompressed, in pieces. Raises TooLong."""
    decoder = Decoder(answer.headers.get("content-encoding", ""))
    size = since = 0
    try:
        async for chunk in answer.aiter_raw():
            for piece in decoder.feed(chunk):
                size, since = size + len(piece), since + len(piece)
                if size > limit:
                    details = f"the answer is longer than {limit} bytes"
                    raise TooLong(Fault(Category.BAD_RESPONSE, answer.status_code, technical_details=details))
                yield piece
                if since >= _AT_ONCE:
                    since = 0
                    await asyncio.sleep(0)  # a small chunk may hold very much
        for piece in decoder.end():
            yield piece
    except Undecodable as error:
        details = f"its compression is broken: {error}"
        raise ProviderFailed(Fault(Category.BAD_RESPONSE, answer.status_code, technical_details=details)) from None


def _of_protocol(error: Exception) -> Category:
    # A peer that closes in the middle of a body is a cut connection; anything else it does wrong is no answer.
    cut = "closed" in str(error) or "disconnected" in str(error)
    return Category.NETWORK if cut and isinstance(error, httpx.RemoteProtocolError) else Category.BAD_RESPONSE
