"""One message of a prompt: a role and parts, rendered in the form of OpenAI's chat completions."""

from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

Role = Literal["system", "user", "assistant", "tool"]
IMAGE_TOKENS = 1000
"""What a picture of unknown size counts as."""


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Image:
    """A picture; `url` may be a `data:` URL. `about` is what stands for it where it cannot be shown, `tokens` what it counts as."""

    url: str
    about: str = ""
    tokens: int = IMAGE_TOKENS


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model asks for a tool; `arguments` are its JSON, as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What the tool that was called by `call` gave."""

    call: str
    text: str


Part = Text | Image | ToolCall | ToolResult


@dataclass(frozen=True, slots=True)
class Message:
    role: Role
    parts: tuple[Part, ...]

    @classmethod
    def of(cls, role: Role, text: str) -> "Message":
        return cls(role, (Text(text),))

    @property
    def content(self) -> str:
        """The message in words; a part that is no text is named."""
        return "\n".join(map(_words, self.parts))

    @property
    def without_pictures(self) -> "Message":
        """The same for a model that cannot see: the words beside a picture name it."""
        return Message(self.role, tuple(part for part in self.parts if not isinstance(part, Image)))

    def as_json(self) -> dict[str, JsonValue]:
        """The message as it is sent: a plain string where all is text, so that the bytes of such prompts never change."""
        sent: dict[str, JsonValue] = {"role": self.role, "content": self._content()}
        calls: list[JsonValue] = [
            {"id": part.id, "type": "function", "function": {"name": part.name, "arguments": part.arguments}}
            for part in self.parts
            if isinstance(part, ToolCall)
        ]
        if calls:
            sent["tool_calls"] = calls
        if (answered := next((part.call for part in self.parts if isinstance(part, ToolResult)), None)) is not None:
            sent["tool_call_id"] = answered
        return sent

    def _content(self) -> JsonValue:
        texts = [part.text for part in self.parts if isinstance(part, Text | ToolResult)]
        if not any(isinstance(part, Image) for part in self.parts):
            return "\n".join(texts) if texts else None
        return [_sent(part) for part in self.parts if isinstance(part, Text | Image)]


def _sent(part: Text | Image) -> JsonValue:
    return {"type": "text", "text": part.text} if isinstance(part, Text) else {"type": "image_url", "image_url": {"url": part.url}}


def _words(part: Part) -> str:
    match part:
        case Text(text) | ToolResult(_, text):
            return text
        case Image(about=about):
            return f"[image: {about}]" if about else "[image]"
        case ToolCall(_, name, arguments):
            return f"[{name}({arguments})]"
