"""Forms that strict templates want a conversation in: what is said stays the same, only who says it when is made to fit. Pure."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from projections.prompt.message import Message, Part, Role, Text, ToolCall, ToolResult

BEGIN = Message.of("user", "(The conversation so far.)")
GO_ON = Message.of("user", "(Go on.)")
Messages = list[Message]


def system_first(messages: Messages) -> Messages:
    """Only the first message is a system message: later ones are said by the user."""
    return [*messages[:1], *(Message("user", said.parts) if said.role == "system" else said for said in messages[1:])]


def no_system(messages: Messages) -> Messages:
    """There is no system message: what it says begins the user's first one."""
    return [Message("user", said.parts) if said.role == "system" else said for said in messages]


def user_first(messages: Messages) -> Messages:
    """The first message that is no system message is the user's."""
    at = next((index for index, said in enumerate(messages) if said.role != "system"), len(messages))
    opens = at < len(messages) and messages[at].role == "user"
    return messages if opens else [*messages[:at], BEGIN, *messages[at:]]


def user_last(messages: Messages) -> Messages:
    """The last message is the user's, or a tool's result."""
    return messages if messages and messages[-1].role in {"user", "tool"} else [*messages, GO_ON]


def alternate(messages: Messages) -> Messages:
    """No two messages in a row are of the same role: those that are become one."""
    found: Messages = []
    for said in messages:
        if found and found[-1].role == said.role and _joins(found[-1]) and _joins(said):
            found[-1] = Message(said.role, _together(found[-1], said))
        else:
            found.append(said)
    return found


def no_tools(messages: Messages) -> Messages:
    """Uses of tools are told in words: a model that knows no tools is sent none."""
    return [Message("user" if said.role == "tool" else said.role, tuple(map(_told, said.parts))) for said in messages]


def _told(part: Part) -> Part:
    match part:
        case ToolCall(_, name, arguments):
            return Text(f"[uses {name}: {arguments}]")
        case ToolResult(_, text):
            return Text(text)
        case _:
            return part


FORMS: Mapping[str, Callable[[Messages], Messages]] = MappingProxyType(
    {
        "no_tools": no_tools,
        "system_first": system_first,
        "no_system": no_system,
        "user_first": user_first,
        "user_last": user_last,
        "alternate": alternate,
    }
)
"""Name, which is stored and never changes -> what it does, in the order in which they are applied."""


def shaped(messages: Sequence[Message], forms: Sequence[str]) -> tuple[Message, ...]:
    """The messages in all of these forms. Names of another time do nothing."""
    found = list(messages)
    for name, apply in FORMS.items():
        if name in forms:
            found = apply(found)
    return tuple(found)


def _joins(message: Message) -> bool:
    roles: tuple[Role, ...] = ("system", "user", "assistant")
    return message.role in roles and not any(isinstance(part, ToolResult) for part in message.parts)


def _together(one: Message, other: Message) -> tuple[Part, ...]:
    parts = [*one.parts, *other.parts]
    seam = len(one.parts)
    before, after = parts[seam - 1], parts[seam]
    if isinstance(before, Text) and isinstance(after, Text):
        parts[seam - 1 : seam + 1] = [Text(f"{before.text}\n\n{after.text}")]
    return tuple(parts)
