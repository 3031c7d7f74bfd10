"""The server in front of the small model: what is asked for is honoured, those who wait are few, and its process goes when nobody asks."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.support.system import until
from worker import standin
from worker.smallmodel import pool, server, weights
from worker.smallmodel.architecture import Architecture

HELLO = [{"role": "user", "content": "What is the capital of France?"}]
ECHO = """
import json, sys
print(json.dumps({"ready": "echo"}), flush=True)
held = None
for line in sys.stdin:
    asked = json.loads(line)
    if "stop" in asked and "messages" not in asked:
        print(json.dumps({"id": held, "text": "stopped"}), flush=True)
        continue
    said = asked["messages"][-1]["content"]
    if said == "die":
        sys.exit(3)
    held = asked["id"]
    print(json.dumps({"id": held, "text": json.dumps(asked["sampling"]) + str(asked["most"]) + "".join(asked["stop"])}), flush=True)
    if said != "hold":
        print(json.dumps({"id": held, "done": "stop", "prompt": 3, "completion": 2}), flush=True)
"""
"""Speaks as the model's process does, at once, and without a model."""


@asynccontextmanager
async def _serving(command: Sequence[str], idle: float = 300.0) -> AsyncIterator[tuple[pool.Model, httpx.AsyncClient]]:
    model, bound, stop = pool.Model(idle, command), standin.listen(), asyncio.Event()
    serving = asyncio.create_task(standin.serve(bound, stop, server.app(model)))
    try:
        async with httpx.AsyncClient(base_url=standin.address(bound), timeout=120) as client:
            yield model, client
    finally:
        stop.set()
        await serving
        await model.close()


async def _asked(client: httpx.AsyncClient, messages: Sequence[dict[str, Any]] = HELLO, **more: Any) -> dict[str, Any]:
    answer = await client.post("/chat/completions", json={"model": "any", "messages": messages, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def _text(answer: dict[str, Any]) -> str:
    return str(answer["choices"][0]["message"]["content"])


async def test_the_process_comes_with_the_first_request_and_goes_when_it_is_idle() -> None:
    """Nothing runs before; what is asked for arrives there; when it dies the stand-in says so, and the next request starts another."""
    async with _serving([sys.executable, "-c", ECHO], idle=0.2) as (model, client):
        assert model.pid is None
        assert (await client.get("/models")).json()["data"][0]["id"] == server.MODEL
        assert model.pid is None
        answer = await _asked(client, temperature=0.3, seed=-4, max_tokens=9, stop="END")
        assert _text(answer) == '{"temperature": 0.3, "seed": 4}9END'
        assert answer["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5, "cost": 0.0}
        assert answer["model"] == server.MODEL

        async def gone() -> bool:
            return model.pid is None

        await until(gone, 60, "the idle process ended")
        died = await _asked(client, [{"role": "user", "content": "die"}])
        assert "I am Tzurot's local stand-in" in _text(died)
        assert "exit code 3" in _text(died)
        assert "None" in _text(await _asked(client))
        wrongs: list[dict[str, Any]] = [{"messages": []}, {"messages": HELLO, "max_tokens": "many"}, {"messages": HELLO, "temperature": {}}]
        for wrong in wrongs:
            assert (await client.post("/chat/completions", json=wrong)).status_code == 400


async def test_those_who_wait_are_few_and_whoever_leaves_stops_the_model() -> None:
    """One request at a time; one more than may wait is told to come again; a caller who hangs up makes room for the next."""
    async with _serving([sys.executable, "-c", ECHO]) as (model, client):
        holding = {"model": "any", "messages": [{"role": "user", "content": "hold"}], "stream": True}
        async with client.stream("POST", "/chat/completions", json=holding) as held:
            lines = held.aiter_lines()
            async for line in lines:
                if line.startswith("data: "):
                    assert json.loads(line[6:])["choices"][0]["delta"]["content"]
                    break
            waiting = [asyncio.create_task(_asked(client)) for _ in range(pool.WAITING - 1)]

            async def full() -> bool:
                return model.waiting == pool.WAITING

            await until(full, 60, "all places were taken")
            refused = await client.post("/chat/completions", json={"messages": HELLO})
            assert (refused.status_code, refused.headers["Retry-After"]) == (429, "2")
        answers = await asyncio.gather(*waiting)
        assert {answer["usage"]["completion_tokens"] for answer in answers} == {2}
        assert not any("stopped" in _text(answer) for answer in answers)


async def test_without_weights_the_stand_in_answers_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a stream too: a process that cannot load the model is no error of the person who speaks."""
    failing = 'import json; print(json.dumps({"failed": "The file is not the published model."}))'
    async with _serving([sys.executable, "-c", failing]) as (_, client):
        assert "(The file is not the published model.)" in _text(await _asked(client))
        answer = await client.post("/chat/completions", json={"messages": HELLO, "stream": True})
        assert answer.text.rstrip().endswith("data: [DONE]")
    monkeypatch.setattr(weights, "PACKAGE", "no-such-package-of-weights")
    assert not weights.installed()
    with pytest.raises(weights.NoWeights, match="make run"):
        weights.ensure(Architecture())


@pytest.mark.skipif(not weights.installed(), reason="the small language model's weights are not installed (.ci/bootstrap weights)")
async def test_the_model_itself_answers() -> None:
    """The only test that loads it: it knows a capital, says the same for the same seed, stops where it is told, and counts its tokens."""
    capital = [{"role": "user", "content": "The capital of France is called"}]
    async with _serving(pool.COMMAND) as (_, client):
        answer = await _asked(client, capital, temperature=0, max_tokens=24)
        assert "Paris" in _text(answer)
        assert answer["usage"]["completion_tokens"] <= 24
        once, again = [await _asked(client, temperature=1.0, seed=5, max_tokens=12) for _ in range(2)]
        assert _text(once) == _text(again)
        assert "Paris" not in _text(await _asked(client, capital, temperature=0, max_tokens=24, stop=["Paris"]))
