"""What one JSON document of an answer adds to it, in the dialect of OpenAI and in those that others mix into it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from worker.providers.shapes import as_dict, as_list, as_str

Kind = Literal["text", "reasoning", "refusal"]
TOOL_CALL = "a tool call"
"""What is left out of an answer whose request offered no tools."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A text for one of an answer's fields. `whole`: it is the entire message, not what comes next. `choice`: of which answer."""

    kind: Kind
    text: str
    whole: bool = False
    choice: int = 0


@dataclass(frozen=True, slots=True)
class Mark:
    """Something else a document says: why the answer ended, at which stop sequence, that it is complete, or what is not text."""

    finish: str = ""
    stop: str = ""
    done: bool = False
    left_out: str = ""
    choice: int = 0


@dataclass(frozen=True, slots=True)
class ToolPiece:
    """A piece of a tool call: which one of the answer's, and what it adds; `whole` replaces what came before.

    `id` tells calls apart that are given the same index.
    """

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""
    whole: bool = False
    choice: int = 0


Found = Piece | Mark | ToolPiece


def read(document: Mapping[str, Any]) -> Iterator[Found]:
    """Everything the document adds, in its order."""
    choices = _choices(document.get("choices"))
    if choices:
        for number, choice in enumerate(choices[:64]):
            yield from _choice(as_dict(choice), number)
        return
    yield from _anthropic(document)
    yield from _ollama(document)
    yield from _google(document)
    yield from _responses(document)
    yield from _generated(document)
    yield from _cohere(document)
    yield from _plain(document)
    yield from _wrapped(document)


def _choices(choices: object) -> list[Any]:
    """The choices of a document: a list, one alone, or by number."""
    if isinstance(choices, dict):
        return [choices] if choices.keys() & {"message", "delta", "text"} else list(choices.values())
    return as_list(choices)


def _choice(choice: Mapping[str, Any], number: int) -> Iterator[Found]:
    index = choice.get("index")
    at = index if isinstance(index, int) and not isinstance(index, bool) else number
    delta = choice.get("delta")
    message = choice.get("message") or next(iter(as_list(choice.get("messages"))[-1:]), None)
    if isinstance(delta, str):
        yield Piece("text", delta, choice=at)
    yield from _message(as_dict(delta), at, whole=False)
    if isinstance(message, str):
        yield Piece("text", message, whole=True, choice=at)
    yield from _message(as_dict(message), at, whole=True)
    if not as_dict(delta).get("content"):
        yield Piece("text", as_str(choice.get("text")), choice=at)
    stop = choice.get("stop_reason", choice.get("matched_stop"))
    yield Mark(as_str(choice.get("finish_reason")), stop=as_str(stop), choice=at)


def _message(message: Mapping[str, Any], choice: int, *, whole: bool) -> Iterator[Found]:
    content = message.get("content")
    if isinstance(content, str):
        yield Piece("text", content, whole, choice)
    else:
        yield from _parts(_parts_of(content), choice, whole=whole)
        if content is None:
            yield Piece("text", as_str(message.get("text")), whole, choice)
    names = ("reasoning", "reasoning_content", "thinking")
    thought = next((text for name in names if (text := as_str(message.get(name)))), "") or details(message.get("reasoning_details"))
    yield Piece("reasoning", thought, whole, choice)
    yield Piece("refusal", as_str(message.get("refusal")), whole, choice)
    yield from _tools(as_list(message.get("tool_calls")), choice, whole=whole)
    for name, what in (("images", "a picture"), ("audio", "a sound"), ("tool_calls", TOOL_CALL), ("function_call", TOOL_CALL)):
        if message.get(name):
            yield Mark(left_out=what, choice=choice)


def _tools(calls: list[Any], choice: int, *, whole: bool) -> Iterator[ToolPiece]:
    """OpenAI's calls of tools, and Ollama's, whose arguments are an object."""
    for number, call in enumerate(calls[:64]):
        one, function = as_dict(call), as_dict(as_dict(call).get("function"))
        index, given = one.get("index"), function.get("arguments")
        entire = isinstance(given, dict)
        text = orjson.dumps(given).decode() if entire else as_str(given)
        at = index if isinstance(index, int) and not isinstance(index, bool) else number
        yield ToolPiece(at, as_str(one.get("id")), as_str(function.get("name")), text, whole or entire, choice)


def _parts_of(content: object) -> list[Any]:
    """A content's parts, also when it is one part alone or holds them by name."""
    if isinstance(content, dict):
        return content["parts"] if isinstance(content.get("parts"), list) else [content]
    return as_list(content)


def _words(part: Mapping[str, Any]) -> str:
    text = part.get("text")
    return as_str(text) or as_str(as_dict(text).get("value")) or (as_str(part.get("content")) if part.get("type") == "text" else "")


def _parts(parts: list[Any], choice: int, *, whole: bool) -> Iterator[Found]:
    """A content that is a list: its texts are one text, its thoughts one thought."""
    texts: list[str] = []
    thoughts: list[str] = []
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
        kind, text = as_str(as_dict(part).get("type")), _words(as_dict(part))
        if kind in {"thinking", "reasoning"} or as_dict(part).get("thought") is True:
            thoughts.append(text or as_str(as_dict(part).get("thinking")) or details(as_dict(part).get("thinking")))
        elif kind == "refusal":
            yield Piece("refusal", as_str(as_dict(part).get("refusal")), whole, choice)
        elif text:
            texts.append(text)
        elif "image" in kind or as_dict(part).get("inlineData") or as_dict(part).get("inline_data"):
            yield Mark(left_out="a picture", choice=choice)
        elif "audio" in kind or kind in {"tool_use", "file"}:
            yield Mark(left_out="a sound" if "audio" in kind else TOOL_CALL if kind == "tool_use" else "a file", choice=choice)
    yield Piece("text", "".join(texts), whole, choice)
    yield Piece("reasoning", "".join(thoughts), whole, choice)


def details(value: object) -> str:
    """The words of a list of thoughts, OpenRouter's `reasoning_details` among them."""
    return "".join(as_str(as_dict(part).get("text")) or as_str(as_dict(part).get("summary")) for part in as_list(value))


def _anthropic(document: Mapping[str, Any]) -> Iterator[Found]:
    kind, delta = as_str(document.get("type")), as_dict(document.get("delta"))
    if kind == "content_block_delta":
        yield Piece("text", as_str(delta.get("text")))
        yield Piece("reasoning", as_str(delta.get("thinking")))
    elif kind == "content_block_start":
        yield Piece("text", as_str(as_dict(document.get("content_block")).get("text")))
    elif kind == "message_delta":
        yield Mark(as_str(delta.get("stop_reason")), stop=as_str(delta.get("stop_sequence")))
    elif kind == "message_stop":
        yield Mark(done=True)
    elif kind == "message" and isinstance(document.get("content"), list):
        yield from _parts(document["content"], 0, whole=True)
        yield Mark(as_str(document.get("stop_reason")), stop=as_str(document.get("stop_sequence")))


def _ollama(document: Mapping[str, Any]) -> Iterator[Found]:
    """Ollama's own lines, and llama.cpp's: pieces under names of their own."""
    if as_str(document.get("type")) in {"message_start", "message"}:
        return
    message = as_dict(document.get("message"))
    if isinstance(message.get("content"), str | list):
        yield from _message(message, 0, whole=True)
        yield Mark(as_str(document.get("finish_reason")))
    if isinstance(document.get("done"), bool):
        yield Piece("text", as_str(document.get("response")))
        yield Piece("reasoning", as_str(document.get("thinking")))
        yield Mark(as_str(document.get("done_reason")), done=document["done"])
    if isinstance(document.get("content"), str) and isinstance(document.get("stop"), bool):
        yield Piece("text", document["content"])
        yield Mark(done=document["stop"])


def _google(document: Mapping[str, Any]) -> Iterator[Found]:
    for number, candidate in enumerate(as_list(document.get("candidates"))[:64]):
        parts = as_list(as_dict(as_dict(candidate).get("content")).get("parts"))
        yield from _parts(parts, number, whole=False)
        yield Mark(as_str(as_dict(candidate).get("finishReason")), choice=number)
    if blocked := as_str(as_dict(document.get("promptFeedback")).get("blockReason")):
        yield Mark(blocked)


def _responses(document: Mapping[str, Any]) -> Iterator[Found]:
    """OpenAI's Responses, whose events are named by their type."""
    kind = as_str(document.get("type"))
    if kind == "response.output_text.delta":
        yield Piece("text", as_str(document.get("delta")))
    elif kind == "response.output_text.done":
        yield Piece("text", as_str(document.get("text")), whole=True)
    elif kind == "response.refusal.delta":
        yield Piece("refusal", as_str(document.get("delta")))
    elif kind.startswith("response.reasoning") and kind.endswith(".delta"):
        yield Piece("reasoning", as_str(document.get("delta")))
    if kind in {"response.completed", "response.incomplete"}:
        yield Mark(done=True)
    response = as_dict(document.get("response")) if kind.startswith("response.") else document
    if response.get("object") != "response":
        return
    for item in as_list(response.get("output")):
        yield from _parts(as_list(as_dict(item).get("content")), 0, whole=True)
    if not response.get("output"):
        yield Piece("text", as_str(response.get("output_text")), whole=True)
    if (status := as_str(response.get("status"))) in {"completed", "incomplete"}:
        reason = as_str(as_dict(response.get("incomplete_details")).get("reason"))
        yield Mark(reason or ("length" if status == "incomplete" else "stop"), done=True)


def _generated(document: Mapping[str, Any]) -> Iterator[Found]:
    """Hugging Face's: tokens, and the whole text at the end."""
    token = as_dict(document.get("token"))
    if token and token.get("special") is not True:
        yield Piece("text", as_str(token.get("text")))
    if text := as_str(document.get("generated_text")):
        yield Piece("text", text, whole=True)
        yield Mark(as_str(as_dict(document.get("details")).get("finish_reason")), done=True)


def _cohere(document: Mapping[str, Any]) -> Iterator[Found]:
    """Cohere's events, of both its versions."""
    kind, delta = as_str(document.get("type")) or as_str(document.get("event_type")), as_dict(document.get("delta"))
    if kind == "content-delta":
        yield Piece("text", _words(as_dict(as_dict(delta.get("message")).get("content"))))
    elif kind == "message-end":
        yield Mark(as_str(delta.get("finish_reason")), done=True)
    elif kind == "text-generation":
        yield Piece("text", as_str(document.get("text")))
    elif kind == "stream-end":
        yield Piece("text", as_str(as_dict(document.get("response")).get("text")), whole=True)
        yield Mark(as_str(document.get("finish_reason")), done=True)


def _plain(document: Mapping[str, Any]) -> Iterator[Found]:
    """Texts under plain names: KoboldCpp's, Cloudflare's, Bedrock's, Qwen's, and the first ones of Anthropic's and Cohere's."""
    finish = next((text for name in ("finish_reason", "stop_reason", "stopReason") if (text := as_str(document.get(name)))), "")
    if isinstance(document.get("token"), str) or isinstance(document.get("completion"), str):
        yield Piece("text", as_str(document.get("token")) or as_str(document.get("completion")))
        yield Mark(finish)
    if isinstance(document.get("response"), str) and "done" not in document:
        yield Piece("text", document["response"])
    for result in [result for name in ("results", "outputs", "generations") for result in as_list(document.get(name))[:1]]:
        yield Piece("text", as_str(as_dict(result).get("text")), whole=True)
        yield Mark(as_str(as_dict(result).get("finish_reason")))
    if document.get("role") == "assistant" and not isinstance(document.get("type"), str):
        yield from _message(document, 0, whole=True)
        yield Mark(finish)
    if "object" not in document:
        yield Piece("text", as_str(document.get("output_text")), whole=True)
    if isinstance(document.get("text"), str) and finish:
        yield Piece("text", document["text"], whole=True)
        yield Mark(finish)
    output = document.get("output")
    if isinstance(output, str) or (isinstance(output, list) and output and all(isinstance(text, str) for text in output)):
        yield Piece("text", "".join(output), whole=True)
    if message := as_dict(as_dict(output).get("message")):
        yield from _message(message, 0, whole=True)
        yield Mark(finish)


_WRAPPERS = ("data", "result", "output", "body", "response", "completion")


def _wrapped(document: Mapping[str, Any]) -> Iterator[Found]:
    """An answer within another object, one level deep."""
    for inner in (as_dict(document.get(name)) for name in _WRAPPERS):
        for number, choice in enumerate(_choices(inner.get("choices"))[:64]):
            yield from _choice(as_dict(choice), number)
        if not inner.get("choices") and (
            text := as_str(inner.get("response")) or (as_str(inner.get("text")) if "finish_reason" in inner else "")
        ):
            yield Piece("text", text, whole=True)
            yield Mark(as_str(inner.get("finish_reason")))
