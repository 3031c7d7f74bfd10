"""Chat completions in the OpenAI dialect: one request out, and whatever comes back turned into a Completion or a Fault."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from engine import clock
from engine.decide.spending.spend import Permit
from engine.events.turn import Usage
from engine.fault import Category, Fault, classify
from worker.providers import sse
from worker.providers.failure import ProviderFailed
from worker.providers.http import Http, Streamed

MAX_RETRY_AFTER = 24 * 3600.0

NO_USAGE = Usage()

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


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model answered. `text` may be partial when `finish_reason` is length; `recovered`: found in a failed answer."""

    text: str
    reasoning: str = ""
    model: str = ""
    finish_reason: str = ""
    stop_sequence: str | None = None
    usage: Usage = NO_USAGE
    recovered: bool = False


@dataclass(slots=True)
class Collector:
    """Puts an answer together from the JSON documents of a stream, or from the single one of an unstreamed answer."""

    text: str = ""
    reasoning: str = ""
    model: str = ""
    finish_reason: str = ""
    stop_sequence: str | None = None
    refusal: str = ""
    usage: Usage = NO_USAGE
    done: bool = False
    error: dict[str, Any] | None = None

    def feed(self, data: str) -> bool:
        """Take one document in; True when it brought text. Raises ProviderFailed for what is no JSON object."""
        if data.strip() == "[DONE]":
            self.done = True
            return False
        document = parse(data)
        if error := error_of(document):
            self.error = error
        self.model = _str(document.get("model")) or self.model
        if isinstance(document.get("usage"), dict):
            self.usage = usage_of(document["usage"])
        before = len(self.text)
        for choice in _list(document.get("choices"))[:1]:
            self._choice(_dict(choice))
        return len(self.text) > before

    def _choice(self, choice: dict[str, Any]) -> None:
        part = _dict(choice.get("delta")) or _dict(choice.get("message"))
        self.text += content_of(part.get("content")) or _str(choice.get("text"))
        self.reasoning += _str(part.get("reasoning")) or _str(part.get("reasoning_content")) or _details(part.get("reasoning_details"))
        self.refusal += _str(part.get("refusal"))
        self.finish_reason = _str(choice.get("finish_reason")) or self.finish_reason
        stop = choice.get("stop_reason", choice.get("matched_stop"))
        self.stop_sequence = stop if isinstance(stop, str) and stop else self.stop_sequence
        if error := error_of(choice):
            self.error = error

    @property
    def complete(self) -> bool:
        return self.done or bool(self.finish_reason)

    def completion(self, *, recovered: bool = False) -> Completion:
        return Completion(self.text, self.reasoning, self.model, self.finish_reason, self.stop_sequence, self.usage, recovered)


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
    try:
        return await _complete(http, endpoint, orjson.dumps(dict(request)), seconds, on_text, call)
    except ProviderFailed as failure:
        raise ProviderFailed(without(endpoint.api_key, failure.fault), failure.partial) from None


def without(secret: str | None, fault: Fault) -> Fault:
    """The fault with our key left out of it: some providers and gateways quote the key, or the whole request, when they refuse it."""
    if not secret:
        return fault
    said, details = (text.replace(secret, "[key]") for text in (fault.provider_message, fault.technical_details))
    return replace(fault, provider_message=said, technical_details=details)


async def _complete(http: Http, endpoint: Endpoint, body: bytes, seconds: float, on_text: OnText | None, call: str) -> Completion:
    collector = Collector()
    try:
        async with http.stream(
            "POST", endpoint.url("chat/completions"), headers=endpoint.headers(call), body=body, seconds=seconds
        ) as answer:
            if answer.status == 200 and "text/event-stream" in answer.headers.get("content-type", ""):
                await _read_stream(answer.chunks, collector, on_text)
                return _outcome(answer, collector)
            content = b"".join([chunk async for chunk in answer.chunks])
    except ProviderFailed as failure:
        raise ProviderFailed(failure.fault, failure.partial or collector.text) from None
    return _whole(answer, content, collector)


async def _read_stream(chunks: AsyncIterator[bytes], collector: Collector, on_text: OnText | None) -> None:
    parser = sse.Parser()
    try:
        async for chunk in chunks:
            await _take(parser.feed(chunk), collector, on_text)
            if collector.done or collector.error:
                return
        await _take(parser.end(), collector, on_text)
    except sse.LineTooLong:
        raise ProviderFailed(Fault(Category.BAD_RESPONSE, 200, technical_details="an event without an end")) from None


async def _take(events: list[str], collector: Collector, on_text: OnText | None) -> None:
    grown = [collector.feed(event) for event in events]
    if on_text is not None and any(grown):
        await on_text(collector.text)


def _whole(answer: Streamed, content: bytes, collector: Collector) -> Completion:
    text = content.decode("utf-8", "replace")
    if answer.status >= 400:
        return _failed(answer, text, collector)
    if not text.strip():
        raise ProviderFailed(Fault(Category.EMPTY_RESPONSE, answer.status, technical_details="an empty body"))
    collector.feed(text)
    collector.done = True
    return _outcome(answer, collector)


def _failed(answer: Streamed, text: str, collector: Collector) -> Completion:
    """A failed answer may still carry what the model said (B4)."""
    try:
        collector.feed(text)
    except ProviderFailed:
        raise ProviderFailed(fault_of(answer.status, {"message": ""}, answer.headers, raw=text)) from None
    if collector.text.strip() and answer.status == 400:
        return collector.completion(recovered=True)
    raise ProviderFailed(fault_of(answer.status, collector.error or {}, answer.headers, raw=text))


def _outcome(answer: Streamed, collector: Collector) -> Completion:
    if collector.error is not None or collector.finish_reason == "error":
        error = collector.error or {"message": "the provider ended the answer with an error"}
        raise ProviderFailed(fault_of(_code(error), error, answer.headers, raw=json.dumps(error)[:2000]), collector.text)
    if not collector.complete:
        raise ProviderFailed(Fault(Category.NETWORK, answer.status, technical_details="the stream ended in the middle"), collector.text)
    if not collector.text.strip():
        raise ProviderFailed(_empty(answer, collector))
    if collector.text.strip() == "ext" and "gemini" in collector.model.lower():
        raise ProviderFailed(Fault(Category.CENSORED, answer.status, technical_details="the whole answer was the sentinel 'ext'"))
    return collector.completion()


def _empty(answer: Streamed, collector: Collector) -> Fault:
    if collector.finish_reason == "content_filter" or collector.refusal:
        return Fault(Category.CONTENT_POLICY, answer.status, collector.refusal, f"finish_reason={collector.finish_reason}")
    return Fault(Category.EMPTY_RESPONSE, answer.status, technical_details=f"no content, finish_reason={collector.finish_reason}")


def fault_of(status: int | None, error: Mapping[str, Any], headers: Mapping[str, str], *, raw: str = "") -> Fault:
    """The fault of a reported error: OpenAI's and OpenRouter's shapes, and what is neither."""
    message, metadata = _str(error.get("message")), _dict(error.get("metadata"))
    kind = _str(metadata.get("error_type")) or _str(error.get("type"))
    return Fault(
        classify(status, f"{message} {_str(metadata.get('raw'))}", kind),
        status,
        provider_message=message,
        technical_details=f"HTTP {status} {kind}\n{raw[:4000]}".strip(),
        retry_after=retry_after(headers, error),
    )


def retry_after(headers: Mapping[str, str], error: Mapping[str, Any]) -> float | None:
    """Seconds until the provider wants to hear from us again, at most a day; None when it does not say.

    Retry-After (RFC 9110, 10.2.3), OpenRouter's availability.retry_after, X-RateLimit-Reset in Unix milliseconds or seconds.
    """
    told = _headers_of(error)
    named = _dict(error.get("availability")).get("retry_after", headers.get("retry-after", told.get("retry-after")))
    seconds = _seconds(named)
    if seconds is None:
        reset = _number(headers.get("x-ratelimit-reset", told.get("x-ratelimit-reset")))
        if reset is not None:
            # A small number is a duration, a larger one a moment.
            seconds = reset if reset < 10_000_000 else reset / (1000 if reset > 10_000_000_000 else 1) - clock.now().timestamp()
    return None if seconds is None else min(max(seconds, 0.0), MAX_RETRY_AFTER)


def _headers_of(error: Mapping[str, Any]) -> dict[str, Any]:
    return {str(name).lower(): value for name, value in _dict(_dict(error.get("metadata")).get("headers")).items()}


def _seconds(value: object) -> float | None:
    number = _number(value)
    if number is not None or not isinstance(value, str):
        return number
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return (moment.replace(tzinfo=moment.tzinfo or UTC) - clock.now().astimezone(UTC)).total_seconds()


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if 0 <= number < 1e15 else None


def parse(data: str) -> dict[str, Any]:
    """A JSON object. Raises ProviderFailed with bad_response for anything else."""
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError:
        document = _lenient(data)
    if isinstance(document, dict):
        return document
    raise ProviderFailed(Fault(Category.BAD_RESPONSE, technical_details=f"not a JSON object: {data[:500]}"))


def _lenient(data: str) -> object:
    # Half a surrogate pair is legal for Python's parser only; the log's codec replaces it later.
    if "\\ud" not in data and "\\uD" not in data:
        return None
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def error_of(document: Mapping[str, Any]) -> dict[str, Any] | None:
    """The error object of a document, whatever its form; None when there is none."""
    error = document.get("error")
    if isinstance(error, dict):
        return error
    if isinstance(error, str) and error:
        return {"message": error}
    return None


def usage_of(usage: Mapping[str, Any]) -> Usage:
    """Tokens and cost as the provider counted them; what is not a number counts as 0."""
    details, prompt = _dict(usage.get("completion_tokens_details")), _dict(usage.get("prompt_tokens_details"))
    return Usage(
        prompt_tokens=int(_number(usage.get("prompt_tokens")) or 0),
        completion_tokens=int(_number(usage.get("completion_tokens")) or 0),
        reasoning_tokens=int(_number(details.get("reasoning_tokens")) or 0),
        cached_tokens=int(_number(prompt.get("cached_tokens")) or 0),
        cost=_number(usage.get("cost")),
    )


def content_of(content: object) -> str:
    """The text of a message's content: a string, or a list of parts."""
    if isinstance(content, str):
        return content
    return "".join(_str(_dict(part).get("text")) for part in _list(content))


def _details(details: object) -> str:
    return "".join(_str(_dict(part).get("text")) or _str(_dict(part).get("summary")) for part in _list(details))


def _code(error: Mapping[str, Any]) -> int | None:
    code = _number(error.get("code", error.get("status")))
    return int(code) if code is not None and 100 <= code < 600 else None


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _str(value: object) -> str:
    return value if isinstance(value, str) else ""


def reset_at(seconds: float | None) -> datetime | None:
    """The moment that lies so many seconds ahead."""
    return None if seconds is None else datetime.fromtimestamp(clock.now().timestamp() + seconds, UTC)
