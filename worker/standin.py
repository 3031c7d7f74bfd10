"""A local stand-in for a provider: speaks the same HTTP, says what it is, and never pretends to be a model.

Pieces of its answer come at reading speed; STANDIN_WORD_SECONDS, or a model named `standin/<seconds>`, sets another pace.
"""

import asyncio
import os
import re
import socket
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from engine import process

MODEL = "tzurot/stand-in"
WORD_SECONDS = 0.04
BODY_LIMIT = 8 * 1024 * 1024
_NAME = re.compile(r"You are ([^\n]{1,100}?)\.(?:\n|$)")
_NOW = re.compile(r"<now>([^<]{1,80})</now>")
_SAID = re.compile(r"<message[^>]*>\n?(.*?)\n?</message>", re.DOTALL)


def reply(messages: list[dict[str, Any]]) -> str:
    """The answer to a conversation: what this is, who is meant to speak, when, and the last words heard."""
    contents = [_text(message.get("content")) for message in messages]
    name = next((found[1] for content in contents[:1] if (found := _NAME.search(content))), "your character")
    now = next(
        (found[1] for content in reversed(contents) if (found := _NOW.search(content))), time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    )
    last = contents[-1] if contents else ""
    said = _shorten(_plain((_SAID.findall(last) or [last])[-1]))
    return (
        f"I am Tzurot's local stand-in, not a language model, so {name} cannot really answer yet. "
        f"Your message came through, though: “{said}”. It is {now}, and the prompt held {len(messages)} messages. "
        "Set PROVIDER_API_KEY (and PROVIDER_BASE_URL, if it is not OpenRouter) to let a real model speak here."
    )


def _plain(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _shorten(text: str, limit: int = 200) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else line[:limit] + "…"


def _text(content: object) -> str:
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def pace(model: str) -> float:
    """Seconds between two words for a model name."""
    with suppress(ValueError):
        return min(max(float(model.removeprefix("standin/")), 0.0), 10.0)
    return float(os.environ.get("STANDIN_WORD_SECONDS", WORD_SECONDS))


def pieces(text: str) -> list[str]:
    """The text in words with the blanks before them; joined they are the text."""
    return re.findall(r"\s*\S+|\s+$", text)


def app() -> Starlette:
    """The server: `/v1/chat/completions` and `/v1/models`."""
    return Starlette(routes=[Route("/v1/chat/completions", completions, methods=["POST"]), Route("/v1/models", _models)])


async def _models(_: Request) -> Response:
    return JSONResponse({"data": [described()], "total_count": 1, "links": {"next": None}})


def described() -> dict[str, object]:
    """Its entry in a list of models."""
    return {
        "id": MODEL,
        "canonical_slug": MODEL,
        "name": "Tzurot's local stand-in",
        "created": 1_700_000_000,
        "description": "Says what it is and repeats what it heard. Not a language model.",
        "context_length": 131_072,
        "architecture": {
            "modality": "text->text",
            "input_modalities": ["text"],
            "output_modalities": ["text"],
            "tokenizer": "Other",
            "instruct_type": None,
        },
        "pricing": {"prompt": "0", "completion": "0"},
        "top_provider": {"context_length": 131_072, "max_completion_tokens": None, "is_moderated": False},
        "per_request_limits": None,
        "supported_parameters": ["max_tokens", "temperature", "stop", "seed"],
        "default_parameters": None,
        "supported_voices": None,
        "links": {"details": "/v1/models"},
    }


async def completions(request: Request) -> Response:
    """`POST /v1/chat/completions`: what this is and what it heard, whatever model is named."""
    body = await request.body()
    try:
        asked = requested(body)
    except (KeyError, TypeError, ValueError):
        return refused()
    text = reply(asked["messages"])
    usage = {
        "prompt_tokens": len(body) // 4,
        "completion_tokens": len(text) // 4,
        "total_tokens": len(body) // 4 + len(text) // 4,
        "cost": 0.0,
    }
    head = {"id": f"standin-{time.time_ns()}", "created": int(time.time()), "model": MODEL}
    if not asked.get("stream"):
        message = {"role": "assistant", "content": text, "refusal": None}
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        return JSONResponse(head | {"object": "chat.completion", "system_fingerprint": None, "choices": [choice], "usage": usage})
    return StreamingResponse(
        _streamed(head | {"object": "chat.completion.chunk"}, text, usage, pace(str(asked.get("model", "")))),
        media_type="text/event-stream",
    )


def refused() -> Response:
    """The answer to a request that is none."""
    return JSONResponse({"error": {"code": 400, "message": "messages must be a list with at least one message"}}, 400)


def requested(body: bytes) -> dict[str, Any]:
    """The request, or one of the errors of reading it."""
    if len(body) > BODY_LIMIT:
        raise ValueError
    asked = dict(orjson.loads(body))
    asked["messages"] = [dict(message) for message in asked["messages"]]
    if not asked["messages"]:
        raise ValueError
    return asked


async def _streamed(head: dict[str, object], text: str, usage: dict[str, float], seconds: float) -> AsyncIterator[bytes]:
    yield b": TZUROT STAND-IN\n\n"
    for piece in pieces(text):
        yield event(head | {"choices": [{"index": 0, "delta": {"role": "assistant", "content": piece}, "finish_reason": None}]})
        if seconds:
            await asyncio.sleep(seconds)
    yield event(head | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    yield event(head | {"choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


def event(document: dict[str, object]) -> bytes:
    """A document as an event of a stream."""
    return b"data: " + orjson.dumps(document) + b"\n\n"


class Server(uvicorn.Server):
    """Leaves signals to whoever runs it."""

    def install_signal_handlers(self) -> None:
        return


def listen(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """A bound socket; port 0 takes any free one."""
    bound = socket.create_server((host, port))
    bound.set_inheritable(False)
    return bound


def address(bound: socket.socket) -> str:
    """What to give as PROVIDER_BASE_URL."""
    host, port = bound.getsockname()[:2]
    return f"http://{host}:{port}/v1"


async def serve(bound: socket.socket, stop: asyncio.Event, answering: Starlette | None = None) -> None:
    """Answer on a bound socket until `stop` is set."""
    server = Server(uvicorn.Config(answering or app(), log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=2))
    serving = asyncio.create_task(server.serve(sockets=[bound]))
    await stop.wait()
    server.should_exit = True
    await serving


async def main(stop: asyncio.Event) -> None:
    """The process: listen on STANDIN_PORT (default: any free port), say where, answer until told to stop."""
    bound = listen(port=int(os.environ.get("STANDIN_PORT", "0")))
    process.ready(process.NO_MODEL, address(bound))
    await serve(bound, stop)


if __name__ == "__main__":
    process.run(main, service="standin-provider")
