"""The only HTTP client. Every answer has a time limit for the whole of it and a size limit while it arrives."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import orjson

from engine.fault import Category, Fault
from worker.providers.failure import ProviderFailed

BODY_LIMIT = 2 * 1024 * 1024
"""Bytes of one answer, streamed or not; after decompression."""
CONNECT_SECONDS = 10.0
ERROR_BODY_LIMIT = 64 * 1024


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


class Http:
    """One client per process. Open with `async with`."""

    def __init__(self, *, connections: int = 128) -> None:
        # The read time-out is no use against a slow drip, so it is left to the limit on the whole exchange.
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(None, connect=CONNECT_SECONDS, pool=CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=32, keepalive_expiry=20.0),
            follow_redirects=False,
            trust_env=False,
        )

    async def __aenter__(self) -> "Http":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    @asynccontextmanager
    async def stream(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None, seconds: float, limit: int = BODY_LIMIT
    ) -> AsyncIterator[Streamed]:
        """Send a request and hand out its answer as it arrives.

        Everything within the block counts towards `seconds`. Raises ProviderFailed with timeout, network or bad_response.
        """
        try:
            async with asyncio.timeout(seconds), self._client.stream(method, url, headers=dict(headers), content=body) as answer:
                yield Streamed(answer.status_code, dict(answer.headers), _limited(answer, limit))
        except TimeoutError:
            raise ProviderFailed(Fault(Category.TIMEOUT, technical_details=f"no complete answer within {seconds:g} s")) from None
        except httpx.TimeoutException as error:
            raise ProviderFailed(Fault(Category.TIMEOUT, technical_details=type(error).__name__)) from None
        except (httpx.DecodingError, httpx.RemoteProtocolError) as error:
            raise ProviderFailed(Fault(_of_protocol(error), technical_details=f"{type(error).__name__}: {error}"[:300])) from None
        except (httpx.TransportError, httpx.InvalidURL, ssl.SSLError, OSError) as error:
            raise ProviderFailed(Fault(Category.NETWORK, technical_details=f"{type(error).__name__}: {error}"[:300])) from None

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None, seconds: float, limit: int = BODY_LIMIT
    ) -> Response:
        """Send a request and read its whole answer. Raises ProviderFailed as `stream` does."""
        async with self.stream(method, url, headers=headers, body=body, seconds=seconds, limit=limit) as answer:
            return Response(answer.status, answer.headers, b"".join([chunk async for chunk in answer.chunks]))

    async def json(
        self, method: str, url: str, payload: object = None, *, headers: Mapping[str, str], seconds: float, limit: int = BODY_LIMIT
    ) -> Response:
        """The same with a JSON body."""
        body = None if payload is None else orjson.dumps(payload)
        return await self.request(
            method, url, headers={"content-type": "application/json", **headers}, body=body, seconds=seconds, limit=limit
        )


async def _limited(answer: httpx.Response, limit: int) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in answer.aiter_bytes():
        size += len(chunk)
        if size > limit:
            raise ProviderFailed(
                Fault(Category.BAD_RESPONSE, answer.status_code, technical_details=f"the answer is longer than {limit} bytes")
            )
        yield chunk


def _of_protocol(error: Exception) -> Category:
    # A peer that closes in the middle of a body is a cut connection; anything else it does wrong is no answer.
    cut = "closed" in str(error) or "disconnected" in str(error)
    return Category.NETWORK if cut and isinstance(error, httpx.RemoteProtocolError) else Category.BAD_RESPONSE
