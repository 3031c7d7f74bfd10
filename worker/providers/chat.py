"""Chat completions in the OpenAI dialect: one request out, and whatever comes back turned into a Completion or a fault."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

import orjson

from engine.decide.spending.spend import Permit
from engine.fault import Fault
from engine.outside.redact import Redactor
from worker.providers import address, errors
from worker.providers.collector import Collector, Completion
from worker.providers.failure import ProviderFailed, TooLong
from worker.providers.http import STREAM_LIMIT, Http, Streamed

OnText = Callable[[str], Awaitable[None]]
"""Called with everything said so far, after each piece."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to call and with which key. The key is not shown by repr."""

    name: str
    base_url: str
    api_key: str | None = field(default=None, repr=False)

    def url(self, path: str) -> str:
        return f"{self.base_url.rstrip('/')}/{path.lstrip('/')}"

    def headers(self, call: str = "") -> dict[str, str]:
        """`call` names the request on both sides, as X-Client-Request-Id."""
        fixed = {"x-client-request-id": call} if call else {}
        fixed |= {"content-type": "application/json", "accept": "application/json, text/event-stream", "x-title": "Tzurot"}
        return fixed | ({"authorization": f"Bearer {self.api_key}"} if self.api_key else {})

    @property
    def redact(self) -> Redactor:
        """Leaves our key out of whatever the other side says."""
        return Redactor(self.api_key)


async def complete(
    http: Http,
    endpoint: Endpoint,
    permit: Permit,
    request: Mapping[str, object],
    *,
    seconds: float,
    on_text: OnText | None = None,
    call: str = "",
) -> Completion:
    """Ask for one completion, streamed when the request says so; `call` names the call on both sides.

    Raises ProviderFailed; its fault says what went wrong and whether to try again. ValueError when the permit is for another model.
    """
    if request.get("model") != permit.model:
        raise ValueError(f"the permit is for {permit.model}, not for {request.get('model')}")
    redact = endpoint.redact
    try:
        tell = None if on_text is None else lambda text: on_text(redact(text))
        return without(redact, await _complete(http, endpoint, request, seconds, tell, call))
    except ProviderFailed as failure:
        raise ProviderFailed(censored(redact, failure.fault), redact(failure.partial)) from None


def censored(redact: Redactor, fault: Fault) -> Fault:
    """The fault with our key left out of it: some providers and gateways quote the key, or the whole request, when they refuse it."""
    said, details = redact(fault.provider_message), redact(fault.technical_details)
    return replace(fault, provider_message=said, technical_details=details, params=tuple(map(redact, fault.params)))


def without(redact: Redactor, completion: Completion) -> Completion:
    """The same for an answer: a gateway may answer with what it was sent."""
    return replace(
        completion,
        text=redact(completion.text),
        reasoning=redact(completion.reasoning),
        model=redact(completion.model),
        finish_reason=redact(completion.finish_reason),
        stop_sequence=redact(completion.stop_sequence) if completion.stop_sequence else None,
        calls=tuple(one.model_copy(update={"arguments": redact(one.arguments)}) for one in completion.calls),
    )


async def _complete(
    http: Http, endpoint: Endpoint, request: Mapping[str, object], seconds: float, on_text: OnText | None, call: str
) -> Completion:
    url, headers, body = endpoint.url("chat/completions"), endpoint.headers(call), orjson.dumps(dict(request))
    collector = Collector(offered="tools" in request and request.get("tool_choice") != "none")
    heard = None if on_text is None else _Heard(on_text, collector)
    try:
        async with http.stream("POST", url, headers=headers, body=body, seconds=seconds, limit=STREAM_LIMIT) as answer:
            if answer.status >= 300:
                return await _failed(url, answer)
            await _read(answer, collector, heard)
    except TooLong:
        collector.too_long = True
    except ProviderFailed as failure:
        raise ProviderFailed(failure.fault, failure.partial or collector.text) from None
    return collector.outcome(answer.status, answer.headers)


@dataclass(slots=True)
class _Heard:
    """Hands on what was said so far."""

    on_text: OnText
    collector: Collector

    async def tell(self) -> None:
        await self.on_text(self.collector.text)


async def _read(answer: Streamed, collector: Collector, heard: _Heard | None) -> None:
    async for chunk in answer.chunks:
        grown = collector.feed(chunk)
        if grown and heard is not None:
            await heard.tell()
        if collector.done or collector.error:
            return
    if collector.end() and heard is not None:
        await heard.tell()


async def _failed(url: str, answer: Streamed) -> Completion:
    """A failed answer may still carry what the model said (B4)."""
    content = bytearray()
    try:
        async for chunk in answer.chunks:
            content += chunk
            if len(content) > errors.BODY_LIMIT:
                break
    except TooLong:
        pass
    body = bytes(content[: errors.BODY_LIMIT])
    if 300 <= answer.status < 400:
        raise ProviderFailed(address.redirected(url, answer.status, answer.headers))
    if answer.status == 400 and (recovered := _recovered(body)) is not None:
        return recovered
    raise ProviderFailed(address.explained(url, errors.of_answer(answer.status, answer.headers, body)))


def _recovered(body: bytes) -> Completion | None:
    collector = Collector()
    try:
        collector.feed(body)
        collector.end()
    except ProviderFailed:
        return None
    return collector.completion(recovered=True) if collector.text.strip() else None


__all__ = ["Completion", "Endpoint", "OnText", "censored", "complete"]
