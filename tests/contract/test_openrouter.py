"""Both sides of the wire judged by others: OpenRouter's OpenAPI, its own SDK, and a stand-in that somebody else wrote."""

import json
import os
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import openrouter
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openrouter import components

from engine import clock
from engine.config import Settings
from engine.decide.spending.spend import Permit, SpendRequest, SpendState, authorize_spend
from engine.decide.spending.turn_model import Known, resolve
from engine.decide.spending.turn_request import effective
from engine.embedded import free_port
from engine.events.preset import Effort, Parameters, Reasoning
from engine.fault import Category
from tests.support import documents
from tests.support.judges import PROVIDER, from_npm
from tests.support.provider.room import local_standin, room, with_provider
from tests.support.provider.server import FaultServer, Reply, Status
from worker.jobs.catalogue import offered
from worker.providers.chat import Endpoint, complete
from worker.providers.failure import ProviderFailed
from worker.providers.http import Http

MESSAGES = [{"role": "system", "content": "You are Ada.\n"}, {"role": "user", "content": '<message from="Bob">\nHello\n</message>'}]


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    """OpenRouter's OpenAPI (MIT), no part of the project."""
    loaded: dict[str, Any] = yaml.load(documents.need("openrouter-openapi.yaml").read_text(), yaml.CSafeLoader)
    return loaded


Judge = Any


def judge(spec: dict[str, Any], name: str) -> Judge:
    """A validator for one of the specification's schemas."""
    return jsonschema_rs.validator_for({"$ref": f"#/components/schemas/{name}", "components": spec["components"]})


@pytest.fixture(scope="module")
def requests(spec: dict[str, Any]) -> Judge:
    return judge(spec, "ChatRequest")


PARAMETERS = st.builds(
    Parameters,
    temperature=st.none() | st.floats(0, 2),
    top_p=st.none() | st.floats(0, 1),
    min_p=st.none() | st.floats(0, 1),
    top_a=st.none() | st.floats(0, 1),
    top_k=st.none() | st.integers(0, 1000),
    frequency_penalty=st.none() | st.floats(-2, 2),
    presence_penalty=st.none() | st.floats(-2, 2),
    repetition_penalty=st.none() | st.floats(0.01, 2),
    seed=st.none() | st.integers(-(2**31), 2**31),
    max_tokens=st.none() | st.integers(1, 131_072),
    stop=st.lists(st.text(min_size=1, max_size=5), max_size=4).map(tuple),
    logit_bias=st.dictionaries(st.integers(0, 99_999).map(str), st.floats(-100, 100), max_size=3),
    response_format=st.none() | st.sampled_from(["text", "json_object"]),
    reasoning=st.builds(Reasoning, effort=st.none() | st.sampled_from(Effort.__args__)),  # type: ignore[attr-defined]
    verbosity=st.none() | st.sampled_from(["low", "medium", "high"]),
    route=st.none() | st.just("fallback"),
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PARAMETERS, st.sampled_from(["openrouter/auto", "z-ai/glm-4.5-air", "deepseek/deepseek-r1-0528:free", "openai/o3"]), st.booleans())
def test_every_request_we_can_make_is_one_openrouter_knows(requests: Judge, parameters: Parameters, model: str, stream: bool) -> None:
    options = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    request = effective(parameters, resolve(model, Known(reasoning=True))).body | {"model": model, "messages": MESSAGES} | options
    requests.validate(json.loads(json.dumps(request)))
    components.ChatRequest.model_validate(request)


async def _answers(base: str, stream: bool) -> tuple[int, list[dict[str, Any]]]:
    body = {"model": "standin/0", "messages": MESSAGES, "stream": stream}
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{base}/chat/completions", json=body)
    if not stream or answer.status_code != 200:
        return answer.status_code, [answer.json()]
    lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ") and "[DONE]" not in line]
    return answer.status_code, [json.loads(line) for line in lines]


async def test_the_stand_in_answers_as_openrouter_does(spec: dict[str, Any]) -> None:
    async with local_standin() as base:
        _, [whole] = await _answers(base, stream=False)
        judge(spec, "ChatResult").validate(whole)
        _, chunks = await _answers(base, stream=True)
        for chunk in chunks:
            judge(spec, "ChatStreamChunk").validate(chunk)
        async with httpx.AsyncClient() as client:
            listed = (await client.get(f"{base}/models")).json()
            refused = await client.post(f"{base}/chat/completions", json={"messages": []})
        judge(spec, "ModelsListResponse").validate(listed)
        judge(spec, "BadRequestResponse").validate(refused.json())


async def test_our_fault_server_is_within_the_specification_where_it_means_to_be(spec: dict[str, Any]) -> None:
    async with FaultServer.running(Reply("Hello", reasoning="Hm", comments=1)) as provider:
        for stream in (True, False):
            _, found = await _answers(provider.address, stream)
            for document in found:
                judge(spec, "ChatStreamChunk" if stream else "ChatResult").validate(document)
        names = {
            401: "UnauthorizedResponse",
            402: "PaymentRequiredResponse",
            429: "TooManyRequestsResponse",
            503: "ServiceUnavailableResponse",
        }
        for status, name in names.items():
            provider.script = [Status(status, "no")]
            code, [body] = await _answers(provider.address, stream=False)
            assert code == status
            judge(spec, name).validate(body)


@pytest.fixture
async def bases() -> AsyncIterator[list[str]]:
    async with local_standin() as standin, FaultServer.running(Reply("Hello there")) as provider:
        yield [standin, provider.address]


def _timeless(answer: str) -> str:
    """An answer of the stand-in names the minute, and a minute may end between two of them."""
    return re.sub(r"\d\d:\d\d", "00:00", answer)


async def test_openrouters_own_sdk_talks_with_both_stand_ins(bases: list[str]) -> None:
    for base in bases:
        async with openrouter.OpenRouter(api_key="sk-test", server_url=base) as client:
            whole = await client.chat.send_async(messages=[{"role": "user", "content": "Hello"}], model="standin/0", stream=False)
            assert isinstance(whole, components.ChatResult)
            streamed = await client.chat.send_async(messages=[{"role": "user", "content": "Hello"}], model="standin/0", stream=True)
            pieces = [chunk.choices[0].delta.content or "" async for chunk in streamed if chunk.choices]
            assert _timeless("".join(pieces)) == _timeless(str(whole.choices[0].message.content))


async def test_openrouters_own_sdk_takes_our_errors_for_its_own() -> None:
    from openrouter import errors

    expected = {401: errors.UnauthorizedResponseError, 402: errors.PaymentRequiredResponseError, 429: errors.TooManyRequestsResponseError}
    for status, error in expected.items():
        async with (
            FaultServer.running(Status(status, "no")) as provider,
            openrouter.OpenRouter(api_key="x", server_url=provider.address) as client,
        ):
            with pytest.raises(error):
                await client.chat.send_async(messages=[{"role": "user", "content": "Hi"}], model="a/b", retries=None)


async def test_the_stand_ins_catalogue_is_read_as_free(spec: dict[str, Any]) -> None:
    async with local_standin() as base, httpx.AsyncClient() as client:
        entries = (await client.get(f"{base}/models")).json()["data"]
    [offer] = [offered(entry) for entry in entries]
    assert offer is not None
    assert (offer.price_in, offer.price_out, offer.context_tokens, offer.reasoning) == (0.0, 0.0, 131_072, False)


def test_a_catalogue_entry_of_the_specification_is_understood(spec: dict[str, Any]) -> None:
    example = spec["components"]["schemas"]["Model"]["example"]
    offer = offered(example)
    assert offer is not None
    assert offer.id == example["id"]
    assert offer.price_in == float(example["pricing"]["prompt"])
    assert offer.context_tokens == example["context_length"]


@pytest.fixture
def aimock_program() -> str:
    """`llmock` of @copilotkit/aimock (MIT), a judge of others."""
    from_npm(PROVIDER, "@copilotkit/aimock")
    return str(PROVIDER / "node_modules" / ".bin" / "llmock")


FIXTURES = [
    {
        "match": {"userMessage": "limit me"},
        "response": {"error": {"message": "Rate limit exceeded: limit_rpm", "code": 429}, "status": 429},
    },
    {
        "match": {"userMessage": "free day"},
        "response": {"error": {"message": "Rate limit exceeded: free-models-per-day", "code": 429}, "status": 429},
    },
    {"match": {"userMessage": "spend it"}, "response": {"error": {"message": "Insufficient credits", "code": 402}, "status": 402}},
    {"match": {"userMessage": "fall down"}, "response": {"error": {"message": "overloaded", "code": 503}, "status": 503}},
    {
        "match": {"userMessage": "cut me"},
        "response": {"content": "This will be cut in the middle of it all, I fear."},
        "truncateAfterChunks": 2,
    },
    {"match": {"userMessage": "think"}, "response": {"content": "An answer.", "reasoning": "A thought."}, "openRouterProcessing": True},
    {"match": {"userMessage": "hello"}, "response": {"content": "Hello from a stand-in that others wrote."}, "openRouterProcessing": True},
]


@pytest.fixture
def aimock(aimock_program: str, tmp_path: Path) -> Iterator[str]:
    """The OpenRouter address of a running aimock."""
    (tmp_path / "fixtures.json").write_text(json.dumps({"fixtures": FIXTURES}))
    port = free_port()
    command = [aimock_program, "-p", str(port), "-h", "127.0.0.1", "-f", str(tmp_path / "fixtures.json"), "--log-level", "silent"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "NO_UPDATE_NOTIFIER": "1"})
    try:
        deadline = clock.monotonic() + 60
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}/health", timeout=1.0)
                break
            except httpx.HTTPError:
                assert process.poll() is None, "aimock ended at once"
                assert clock.monotonic() < deadline, "aimock did not start"
        yield f"http://127.0.0.1:{port}/api/v1"
    finally:
        process.terminate()
        process.wait(10)


def permit() -> Permit:
    found = authorize_spend(SpendRequest(1, None, True, resolve("a/b"), clock.now()), SpendState(keyless=True))
    assert isinstance(found, Permit)
    return found


async def test_aimock_and_our_client_understand_each_other(aimock: str) -> None:
    async with Http() as http:

        async def ask(text: str, *, stream: bool = True) -> Any:
            request = {"model": "a/b", "messages": [{"role": "user", "content": text}], "stream": stream}
            return await complete(http, Endpoint("aimock", aimock, "x"), permit(), request, seconds=10)

        for stream in (True, False):
            assert (await ask("hello", stream=stream)).text == "Hello from a stand-in that others wrote."
            thought = await ask("think", stream=stream)
            assert (thought.text, thought.reasoning) == ("An answer.", "A thought.")
        faults = {
            "limit me": Category.RATE_LIMIT,
            "free day": Category.FREE_LIMIT,
            "spend it": Category.QUOTA_EXCEEDED,
            "fall down": Category.SERVER_ERROR,
            "cut me": Category.NETWORK,
        }
        for text, category in faults.items():
            with pytest.raises(ProviderFailed) as failed:
                await ask(text)
            assert failed.value.fault.category is category, text


async def test_a_whole_turn_is_answered_by_aimock(aimock: str, settings: Settings) -> None:
    from engine import seed
    from engine.events.turn import TurnCompleted, TurnFailed

    async with room(with_provider(settings, aimock)) as person:
        [hello] = await person.say("hello", seed.samples()[0].character_id)
        end = await person.end(hello)
        assert isinstance(end, TurnCompleted)
        assert end.text == "Hello from a stand-in that others wrote."
        [spent] = await person.say("spend it", seed.samples()[1].character_id)
        failed = await person.end(spent)
        assert isinstance(failed, TurnFailed)
        assert failed.category == "quota_exceeded"
