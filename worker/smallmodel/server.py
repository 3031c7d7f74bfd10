"""The OpenAI-compatible HTTP in front of the small model. It answers whatever model is named; where it cannot, the stand-in says why."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from engine import ids
from engine import log as logs
from worker import standin
from worker.smallmodel import weights
from worker.smallmodel.architecture import Architecture
from worker.smallmodel.pool import Crowded, Gone, Model

MODEL: Final = "tzurot/smollm2-135m-instruct"
STILL_HERE: Final = b": TZUROT WAITING\n\n"
PATIENCE_SECONDS: Final = 2.0
"""A stream that waits for its turn, or for the model to be loaded, says so this often."""
LONGEST: Final = 4096
Pieces = asyncio.Queue[dict[str, Any] | None]
_log = logs.get("smallmodel")


def app(model: Model) -> Starlette:
    """The server: `/v1/chat/completions` and `/v1/models`."""

    async def completions(request: Request) -> Response:
        return await _completions(request, model)

    return Starlette(routes=[Route("/v1/chat/completions", completions, methods=["POST"]), Route("/v1/models", _models)])


async def _models(_: Request) -> Response:
    return JSONResponse({"data": [_described()], "total_count": 1, "links": {"next": None}})


def _described() -> dict[str, object]:
    return standin.described() | {
        "id": MODEL,
        "canonical_slug": MODEL,
        "name": weights.NAME,
        "description": "A toy model on this machine's CPU.",
        "context_length": Architecture().window,
        "supported_parameters": ["max_tokens", "temperature", "top_p", "top_k", "repetition_penalty", "stop", "seed"],
    }


async def _completions(request: Request, model: Model) -> Response:
    try:
        asked = standin.requested(await request.body())
        wanted = _wanted(asked)
    except (KeyError, TypeError, ValueError, OverflowError):
        return standin.refused()
    try:
        model.admit()
    except Crowded as error:
        return JSONResponse({"error": {"code": 429, "message": str(error)}}, 429, {"Retry-After": "2"})
    head: dict[str, object] = {"id": f"small-{ids.random_id().hex}", "created": int(time.time()), "model": MODEL}
    if asked.get("stream"):
        pieces: Pieces = asyncio.Queue()
        # Begun here, as nobody reads a stream whose reader is gone before it begins, and the admitted place has to be given back.
        asking = asyncio.create_task(_ask(pieces, asked, wanted, model))
        return StreamingResponse(_streamed(head, pieces, asking), media_type="text/event-stream")
    return await _whole(head, asked, wanted, model)


def _wanted(asked: dict[str, Any]) -> dict[str, Any]:
    """What the model's process is asked. Raises ValueError or TypeError for what is no number."""
    sampling: dict[str, float | int] = {}
    for theirs, ours, least, most in (
        ("temperature", "temperature", 0.0, 2.0),
        ("top_p", "top_p", 0.01, 1.0),
        ("repetition_penalty", "repetition", 1.0, 2.0),
    ):
        if (value := asked.get(theirs)) is not None:
            sampling[ours] = min(max(float(value), least), most)
    if asked.get("top_k"):
        sampling["top_k"] = min(max(int(asked["top_k"]), 1), 1000)
    if asked.get("seed") is not None:
        sampling["seed"] = abs(int(asked["seed"])) % 2**63
    stop = asked.get("stop") or []
    most_tokens = asked.get("max_completion_tokens") or asked.get("max_tokens")
    return {
        "messages": asked["messages"],
        "most": min(max(int(most_tokens), 1), LONGEST) if most_tokens is not None else None,
        "stop": [stop] if isinstance(stop, str) else [str(one) for one in stop][:8],
        "sampling": sampling,
    }


async def _whole(head: dict[str, object], asked: dict[str, Any], wanted: dict[str, Any], model: Model) -> Response:
    text, done = "", {"done": "stop", "prompt": 0, "completion": 0}
    async for told in _told(asked, wanted, model):
        text += told.get("text", "")
        done = told if "done" in told else done
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": done["done"], "logprobs": None}
    return JSONResponse(head | {"object": "chat.completion", "system_fingerprint": None, "choices": [choice], "usage": _usage(done)})


async def _ask(pieces: Pieces, asked: dict[str, Any], wanted: dict[str, Any], model: Model) -> None:
    try:
        async for told in _told(asked, wanted, model):
            pieces.put_nowait(told)
    finally:
        pieces.put_nowait(None)


async def _streamed(head: dict[str, object], pieces: Pieces, asking: asyncio.Task[None]) -> AsyncIterator[bytes]:
    head |= {"object": "chat.completion.chunk"}
    try:
        while True:
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    told = await pieces.get()
            except TimeoutError:
                yield STILL_HERE
                continue
            if told is None:
                break
            for document in _chunks(told):
                yield standin.event(head | document)
        yield b"data: [DONE]\n\n"
    finally:
        asking.cancel()
        await asyncio.wait([asking])


def _chunks(told: dict[str, Any]) -> list[dict[str, object]]:
    if "done" not in told:
        delta = {"role": "assistant", "content": told["text"]}
        return [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}]
    return [{"choices": [{"index": 0, "delta": {}, "finish_reason": told["done"]}]}, {"choices": [], "usage": _usage(told)}]


def _usage(done: dict[str, Any]) -> dict[str, float]:
    prompt, completion = done["prompt"], done["completion"]
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion, "cost": 0.0}


async def _told(asked: dict[str, Any], wanted: dict[str, Any], model: Model) -> AsyncGenerator[dict[str, Any]]:
    """What the model says; where there is none, what the stand-in does. Gives the admitted place back."""
    begun = False
    try:
        async with aclosing(model.answer(wanted)) as answer:
            async for told in answer:
                begun = True
                yield told
    except Gone as error:
        _log.warning("smallmodel.gone", why=str(error))
        if begun:
            yield {"done": "length", "prompt": 0, "completion": 0}
            return
        text = f"{standin.reply(asked['messages'])} ({error})"
        for piece in standin.pieces(text):
            yield {"text": piece}
        yield {"done": "stop", "prompt": 0, "completion": len(text) // 4}
    finally:
        model.leave()
