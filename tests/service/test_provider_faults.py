"""Our client against a provider that does everything wrong: each fault has one category, nothing hangs, nothing grows."""

import asyncio
from collections.abc import AsyncIterator

import psutil
import pytest

from engine import clock
from engine.decide.spending.spend import Permit, SpendRequest, SpendState, authorize_spend
from engine.decide.spending.turn_model import resolve
from engine.fault import Category
from tests.support.provider.hostile import CUT, EXPECTED, HOSTILE
from tests.support.provider.server import Behaviour, FaultServer, Nothing, Raw, Reply, Status, Stream, chunk, event
from worker.providers.chat import Completion, Endpoint, complete
from worker.providers.failure import ProviderFailed
from worker.providers.http import BODY_LIMIT, Http

MODEL = "fault/model"


def permit() -> Permit:
    asked = SpendRequest(user_id=1, guild_id=None, trusted=True, model=resolve(MODEL), now=clock.now())
    found = authorize_spend(asked, SpendState(keyless=True))
    assert isinstance(found, Permit)
    return found


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    async with Http() as client:
        yield client


async def ask(http: Http, *behaviours: Behaviour, stream: bool = True, seconds: float = 10.0) -> Completion:
    request = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}], "stream": stream}
    async with FaultServer.running(*behaviours) as provider:
        return await complete(http, Endpoint("fault", provider.address), permit(), request, seconds=seconds)


async def category_of(http: Http, behaviour: Behaviour, *, stream: bool = True, seconds: float = 60.0) -> Category:
    with pytest.raises(ProviderFailed) as failed:
        await ask(http, behaviour, stream=stream, seconds=seconds)
    return failed.value.fault.category


STATUSES = [
    (Status(400, "temperature must be a number"), Category.BAD_REQUEST),
    (Status(400, "This endpoint's maximum context length is 8192 tokens"), Category.CONTEXT_LENGTH),
    (Status(400, "next/x is not a valid model ID"), Category.MODEL_NOT_FOUND),
    (Status(400, "the prompt was flagged by moderation"), Category.CONTENT_POLICY),
    (Status(400, "text extended beyond", "invalid_request"), Category.BAD_REQUEST),
    (Status(401, "No auth credentials found"), Category.AUTHENTICATION),
    (Status(402, "This request requires more credits"), Category.QUOTA_EXCEEDED),
    (Status(402, "Rate limit exceeded: free-models-per-day"), Category.FREE_LIMIT),
    (Status(403, "Key limit exceeded (monthly limit)"), Category.QUOTA_EXCEEDED),
    (Status(403, "Your chosen model requires moderation and your input was flagged"), Category.CONTENT_POLICY),
    (Status(404, "No endpoints found for fault/model"), Category.MODEL_NOT_FOUND),
    (Status(408, "Request timed out"), Category.TIMEOUT),
    (Status(409, "conflict"), Category.SERVER_ERROR),
    (Status(413, "too large"), Category.CONTEXT_LENGTH),
    (Status(422, "unprocessable"), Category.BAD_REQUEST),
    (Status(429, "Rate limit exceeded: limit_rpm"), Category.RATE_LIMIT),
    (Status(429, "Rate limit exceeded: free-models-per-day. Add 10 credits"), Category.FREE_LIMIT),
    (Status(429, "Rate limit exceeded: free-models-per-min"), Category.RATE_LIMIT),
    (Status(429, "slow down", "rate_limit_exceeded"), Category.RATE_LIMIT),
    (Status(500, "boom"), Category.SERVER_ERROR),
    (Status(502, "bad gateway"), Category.SERVER_ERROR),
    (Status(503, "no provider", "provider_unavailable"), Category.SERVER_ERROR),
    (Status(504, "upstream"), Category.SERVER_ERROR),
    (Status(524, "a timeout occurred"), Category.SERVER_ERROR),
    (Status(529, "overloaded", "provider_overloaded"), Category.SERVER_ERROR),
    (Status(418, "teapot"), Category.BAD_REQUEST),
]


@pytest.mark.parametrize(
    ("behaviour", "category"), STATUSES, ids=lambda value: f"{value.status}-{value.message[:20]}" if isinstance(value, Status) else ""
)
async def test_every_status_is_one_category(http: Http, behaviour: Status, category: Category) -> None:
    assert await category_of(http, behaviour) is category
    assert await category_of(http, behaviour, stream=False) is category


async def test_a_spent_key_a_free_day_and_a_busy_minute_are_three_categories(http: Http) -> None:
    told = [Status(402, "Insufficient credits"), Status(429, "free-models-per-day"), Status(429, "20 requests per minute")]
    assert len({await category_of(http, status) for status in told}) == 3


ERROR_CHUNK = chunk(
    "", error={"code": 502, "message": "Provider disconnected"}, choices=[{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}]
)
STREAM_FAULTS: list[tuple[str, Behaviour, Category]] = [
    ("cut without a word", Nothing(), Category.NETWORK),
    ("reset without a word", Nothing("reset"), Category.NETWORK),
    ("silence", Nothing("hang"), Category.TIMEOUT),
    ("stream cut", Stream(CUT, how="close"), Category.NETWORK),
    ("stream reset", Stream(CUT, how="reset"), Category.NETWORK),
    ("stream hangs", Stream(CUT, how="hang"), Category.TIMEOUT),
    ("stream ends in the middle, properly", Stream(CUT), Category.NETWORK),
    ("error after generation began", Stream([*CUT, event(ERROR_CHUNK)]), Category.SERVER_ERROR),
    (
        "rate limit as an event",
        Stream([event({"error": {"code": 429, "message": "slow", "metadata": {"error_type": "rate_limit_exceeded"}}})]),
        Category.RATE_LIMIT,
    ),
    ("finish_reason error without words", Stream([event(chunk("", choices=[{"delta": {}, "finish_reason": "error"}]))]), Category.UNKNOWN),
    ("200 with an error body", Raw(b'{"error":{"code":401,"message":"User not found."}}'), Category.AUTHENTICATION),
    ("200 with an error as text", Raw(b'{"error":"model is loading"}'), Category.SERVER_ERROR),
    ("drips for ever", Stream([b": x\n\n"], pause=0.05, repeat=True), Category.TIMEOUT),
    ("never-ending line", Stream([b"data: " + b"x" * 60_000], repeat=True), Category.BAD_RESPONSE),
    ("never-ending text", Stream([event(chunk("word " * 2000))], repeat=True), Category.BAD_RESPONSE),
    ("garbage event", Stream([event(b"{not json"), event(b"[DONE]")]), Category.BAD_RESPONSE),
    ("nothing but comments", Stream([b": OPENROUTER PROCESSING\n\n"] * 3), Category.NETWORK),
    ("nothing but the end", Stream([event(b"[DONE]")]), Category.EMPTY_RESPONSE),
    (
        "finished without a word",
        Stream([event(chunk("", choices=[{"delta": {}, "finish_reason": "stop"}])), event(b"[DONE]")]),
        Category.EMPTY_RESPONSE,
    ),
    ("filtered", Stream([event(chunk("", choices=[{"delta": {}, "finish_reason": "content_filter"}]))]), Category.CONTENT_POLICY),
    ("refused", Stream([event(chunk("", choices=[{"delta": {"refusal": "I cannot"}, "finish_reason": "stop"}]))]), Category.CONTENT_POLICY),
    ("Gemini's sentinel", Reply("ext", model="google/gemini-3-flash"), Category.CENSORED),
]


@pytest.mark.parametrize(("what", "behaviour", "category"), STREAM_FAULTS, ids=[what for what, _, _ in STREAM_FAULTS])
async def test_every_bad_end_of_a_stream_is_one_category(http: Http, what: str, behaviour: Behaviour, category: Category) -> None:
    assert await category_of(http, behaviour, seconds=1.0 if category is Category.TIMEOUT else 60.0) is category, what


@pytest.mark.parametrize("body", [body for _, body in HOSTILE], ids=[what for what, _ in HOSTILE])
async def test_a_hostile_body_is_a_bad_or_an_empty_answer_and_costs_no_memory(http: Http, body: Raw) -> None:
    process = psutil.Process()
    async with FaultServer.running(body) as provider:
        endpoint, request = Endpoint("fault", provider.address), {"model": MODEL, "messages": [], "stream": False}
        before = process.memory_info().rss
        for _ in range(2):
            with pytest.raises(ProviderFailed) as failed:
                await complete(http, endpoint, permit(), request, seconds=60.0)
            assert failed.value.fault.category in EXPECTED
        # The server of this test lives in the same process: its buffer is not ours to count, and is bounded by drain().
        assert process.memory_info().rss - before < 20 * 1024 * 1024


async def test_bytes_that_are_no_text_are_replaced_and_what_is_text_survives(http: Http) -> None:
    body = b'{"choices": [{"message": {"content": "caf\xe9 \\ud83d ol\xc3\xa9"}, "finish_reason": "stop"}]}'
    assert (await ask(http, Raw(body), stream=False)).text.startswith("caf�")


async def test_an_answer_inside_a_failed_response_is_recovered(http: Http) -> None:
    saved = Status(400, "finish reason unknown", extra={"choices": [{"message": {"content": "Still here."}}]})
    found = await ask(http, saved)
    assert (found.text, found.recovered) == ("Still here.", True)
    empty = Status(400, "finish reason unknown", extra={"choices": [{"message": {"content": " "}}]})
    assert await category_of(http, empty) is Category.BAD_REQUEST


async def test_what_was_said_before_a_stream_broke_is_kept_with_the_failure(http: Http) -> None:
    with pytest.raises(ProviderFailed) as failed:
        await ask(http, Stream(CUT, how="reset"))
    assert failed.value.partial in {"Once upon a time ", "Once upon ", ""}


@pytest.mark.parametrize("stream", [True, False])
async def test_a_good_answer_is_read_whole_with_its_usage(http: Http, stream: bool) -> None:
    usage = {
        "prompt_tokens": 9,
        "completion_tokens": 3,
        "total_tokens": 12,
        "cost": 0.25,
        "prompt_tokens_details": {"cached_tokens": 5},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    found = await ask(http, Reply("One two three", reasoning="Hm.", comments=3, usage=usage), stream=stream)
    assert (found.text, found.reasoning, found.finish_reason) == ("One two three", "Hm.", "stop")
    assert found.usage.model_dump() == {
        "prompt_tokens": 9,
        "completion_tokens": 3,
        "reasoning_tokens": 2,
        "cached_tokens": 5,
        "cost": 0.25,
    }


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({"retry_after": "7"}, 7), ({"retry_after": "999999"}, 86_400), ({"headers": (("X-RateLimit-Reset", "120"),)}, 120), ({}, None)],
)
async def test_a_provider_says_when_to_come_back(http: Http, headers: dict[str, str], seconds: float | None) -> None:
    with pytest.raises(ProviderFailed) as failed:
        await ask(http, Status(429, "slow", **headers))  # type: ignore[arg-type]
    assert failed.value.fault.retry_after == seconds


async def test_the_time_limit_holds_for_the_whole_exchange(http: Http) -> None:
    started = clock.monotonic()
    assert await category_of(http, Stream([event(chunk("x "))], pause=0.05, repeat=True), seconds=1.0) is Category.TIMEOUT
    assert 0.9 < clock.monotonic() - started < 5


async def test_cancelling_closes_the_connection(http: Http) -> None:
    request = {"model": MODEL, "messages": [], "stream": True}
    async with FaultServer.running(Nothing("hang")) as provider:
        call = asyncio.create_task(complete(http, Endpoint("fault", provider.address), permit(), request, seconds=60))
        while not provider.journal:
            await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call


async def test_nobody_listening_is_a_network_fault_without_an_address_for_people(http: Http) -> None:
    with pytest.raises(ProviderFailed) as failed:
        await complete(http, Endpoint("fault", "http://127.0.0.1:9/v1"), permit(), {"model": MODEL}, seconds=5)
    assert failed.value.fault.category is Category.NETWORK
    assert "127.0.0.1" not in failed.value.fault.user_message + failed.value.fault.said


async def test_a_permit_is_for_one_model_only(http: Http) -> None:
    with pytest.raises(ValueError, match="permit"):
        await complete(http, Endpoint("fault", "http://127.0.0.1:9/v1"), permit(), {"model": "other/model"}, seconds=5)


def test_the_body_limit_is_two_megabytes() -> None:
    assert BODY_LIMIT == 2 * 1024 * 1024
