"""Answers of a provider that ask for tools instead of answering."""

import json
from typing import Any

from tests.support.provider.server import Behaviour, ProviderRequest, Raw, Stream, chunk, event


def asking(asked: ProviderRequest, *wanted: tuple[str, dict[str, Any]], text: str = "") -> Behaviour:
    """A model's wish to use these tools, streamed in pieces when the request says so."""
    calls = [
        {"id": f"call_{at}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        for at, (name, arguments) in enumerate(wanted)
    ]
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110, "cost": 0.001}
    if not asked.body.get("stream"):
        message = {"role": "assistant", "content": text or None, "tool_calls": calls}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
        return Raw(json.dumps({"id": "x", "object": "chat.completion", "model": asked.model, "choices": [choice], "usage": usage}).encode())
    pieces = [event(chunk(text, model=asked.model))] if text else []
    for at, call in enumerate(calls):
        arguments = call["function"]["arguments"]  # type: ignore[index]  # written above
        half = len(arguments) // 2
        begun = {"index": at, **call, "function": {"name": wanted[at][0], "arguments": arguments[:half]}}
        for one in (begun, {"index": at, "function": {"arguments": arguments[half:]}}):
            choices = [{"index": 0, "delta": {"role": "assistant", "content": None, "tool_calls": [one]}, "finish_reason": None}]
            pieces.append(event(chunk("", model=asked.model, choices=choices)))
    pieces.append(event(chunk("", model=asked.model, choices=[{"index": 0, "delta": {}, "finish_reason": "tool_calls"}])))
    return Stream([*pieces, event(chunk("", model=asked.model, choices=[], usage=usage)), event(b"[DONE]")])


def results(asked: ProviderRequest) -> list[str]:
    """What the model was told of tools in this request."""
    return [str(message["content"]) for message in asked.body["messages"] if message["role"] == "tool"]
