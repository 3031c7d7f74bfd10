"""Pictures that a model makes: asked for in a chat completion, or at the images endpoint of OpenAI's dialect."""

import asyncio
import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from engine.blobs.pictures import MOST_BYTES
from engine.decide.spending.spend import Permit
from engine.events.turn import Usage
from engine.fault import Category, Fault
from engine.outside import clean
from worker.providers import address, errors
from worker.providers.chat import Endpoint, censored
from worker.providers.failure import ProviderFailed, TooLong
from worker.providers.http import Http, Response
from worker.providers.shapes import as_dict, as_list, as_str
from worker.providers.usage import NO_USAGE, usage_of

LIMIT = 4 * MOST_BYTES // 3 + 1024 * 1024
"""Bytes of an answer: the largest picture in base64, and what stands around it."""
Dialect = Literal["chat", "images"]


@dataclass(frozen=True, slots=True)
class Drawn:
    """What came back: the picture's bytes, or where it lies, and what it did cost."""

    content: bytes = b""
    url: str = ""
    model: str = ""
    usage: Usage = NO_USAGE


async def draw(http: Http, endpoint: Endpoint, permit: Permit, prompt: str, *, dialect: Dialect, seconds: float, call: str = "") -> Drawn:
    """Ask for one picture of what the prompt says, by the model the permit is for. Raises ProviderFailed."""
    request = chat(permit.model, prompt) if dialect == "chat" else images(permit.model, prompt)
    try:
        answer = await _asked(http, endpoint, dialect, request, seconds, call)
        if dialect == "images" and answer.status == 400 and b"response_format" in answer.body:
            del request["response_format"]  # some models give base64 alone, and refuse to be asked for it
            answer = await _asked(http, endpoint, dialect, request, seconds, call)
        return await asyncio.to_thread(_read, endpoint.url(_PATHS[dialect]), answer)
    except TooLong as failure:
        raise ProviderFailed(censored(endpoint.redact, failure.fault)) from None
    except ProviderFailed as failure:
        raise ProviderFailed(censored(endpoint.redact, failure.fault)) from None


_PATHS: Mapping[Dialect, str] = {"chat": "chat/completions", "images": "images/generations"}


def chat(model: str, prompt: str) -> dict[str, Any]:
    """The request to a chat model that gives pictures out. Pure."""
    return {"model": model, "messages": [{"role": "user", "content": prompt}], "modalities": ["image", "text"]}


def images(model: str, prompt: str) -> dict[str, Any]:
    """The request to the images endpoint. Pure."""
    return {"model": model, "prompt": prompt, "n": 1, "response_format": "b64_json"}


async def _asked(http: Http, endpoint: Endpoint, dialect: Dialect, request: Mapping[str, Any], seconds: float, call: str) -> Response:
    url = endpoint.url(_PATHS[dialect])
    body = orjson.dumps(dict(request))
    return await http.request("POST", url, headers=endpoint.headers(call), body=body, seconds=seconds, limit=LIMIT)


def _read(url: str, answer: Response) -> Drawn:
    """The picture of an answer. Pure. Raises ProviderFailed."""
    if 300 <= answer.status < 400:
        raise ProviderFailed(address.redirected(url, answer.status, answer.headers))
    try:
        found = as_dict(orjson.loads(answer.body)) if answer.status < 300 else {}
    except orjson.JSONDecodeError:
        raise ProviderFailed(Fault(Category.BAD_RESPONSE, answer.status, technical_details="a picture's answer that is no JSON")) from None
    if answer.status >= 300 or "error" in found:
        raise ProviderFailed(address.explained(url, errors.of_answer(answer.status, answer.headers, answer.body)))
    model, usage = clean.name(found.get("model")), usage_of(found)
    for one in [*_of_chat(found), *_of_images(found)]:
        if (content := _decoded(one)) is not None:
            return Drawn(content, "", model, usage)
        if one.startswith(("https://", "http://")):
            return Drawn(b"", one, model, usage)
    raise ProviderFailed(Fault(Category.EMPTY_RESPONSE, answer.status, technical_details="an answer without a picture"))


def _of_chat(found: Mapping[str, Any]) -> list[str]:
    """Addresses of the pictures in a chat completion: beside the text, or among its parts."""
    message = as_dict(as_dict(next(iter(as_list(found.get("choices"))), None)).get("message"))
    parts = [*as_list(message.get("images")), *as_list(message.get("content"))]
    return [as_str(as_dict(as_dict(part).get("image_url")).get("url")) for part in parts]


def _of_images(found: Mapping[str, Any]) -> list[str]:
    entries = [as_dict(entry) for entry in as_list(found.get("data"))]
    coded = [f"data:;base64,{as_str(entry.get('b64_json'))}" for entry in entries if entry.get("b64_json")]
    return coded + [as_str(entry.get("url")) for entry in entries]


def _decoded(url: str) -> bytes | None:
    """The bytes of a data URL; None for what is none."""
    head, comma, coded = url.partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        return None
    try:
        return base64.b64decode("".join(coded.split()), validate=True) or None
    except (binascii.Error, ValueError):
        return None
