"""The tools a character may use while it answers (I6): each once, as data. How one is carried out: worker.tools."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.resources.craft import mcp

MOST_GIVEN = 20
"""Entries of a character's tools."""
MOST_STEPS = 5
"""Calls of a model in one turn after which tools may still be used; the next one has to answer."""
MOST_AT_ONCE = 4
"""Tools that are used after one call; what a model asks for beyond is refused."""
LONGEST_RESULT = 6_000
"""Characters of a result that a model is told."""


class Arguments(BaseModel):
    """Base of what tools are asked with. Pydantic checks it, and models are sent its schema."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class Recollection(Arguments):
    query: Annotated[str, Field(min_length=1, max_length=500, description="What to look for, in a few words or as a question.")]


class Throw(Arguments):
    dice: Annotated[str, Field(min_length=1, max_length=40, description="Such as d20, 2d6+3 or 4d6-1.")]


class Clock(Arguments):
    zone: Annotated[str, Field(max_length=60, description="IANA name such as Europe/Paris; empty for UTC.")] = ""


class Page(Arguments):
    url: Annotated[str, Field(min_length=1, max_length=2000, description="The whole address, beginning with https://.")]


class Drawing(Arguments):
    prompt: Annotated[str, Field(min_length=1, max_length=1500, description="What it shows, in which style, in plain words.")]
    alt: Annotated[str, Field(max_length=500, description="What it shows in one sentence, for those who cannot see it.")] = ""


class Notebook(Arguments):
    action: Literal["read", "add", "strike"]
    text: Annotated[str, Field(max_length=500, description="What to write down, for add.")] = ""
    number: Annotated[int, Field(ge=0, le=10_000, description="Which note to strike out, for strike.")] = 0


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool: its name, what people and what models are told of it, and what it is asked with."""

    name: str
    label: str
    about: str
    arguments: type[Arguments]


TOOLS: Mapping[str, ToolSpec] = MappingProxyType(
    {
        spec.name: spec
        for spec in (
            ToolSpec(
                "memory",
                "looks for what was said and noted",
                "Look for what was said earlier with whoever you talk to, or noted of it.",
                Recollection,
            ),
            ToolSpec("dice", "throws dice", "Throw dice. Use it whenever chance decides; never make a result up.", Throw),
            ToolSpec("time", "reads the clock", "Say what day and time it is somewhere.", Clock),
            ToolSpec("web", "reads pages of hosts in WEB_FETCH_HOSTS", "Read a page on the web as text. Few hosts are allowed.", Page),
            ToolSpec(
                "notes",
                "keeps notes of its own",
                "Your own notebook for this person and place: read it, add a note, strike one out.",
                Notebook,
            ),
            ToolSpec(
                "image",
                "has a picture made by IMAGE_MODEL",
                "Have a picture made, which is shown below your reply. Use it when one is asked for, and say nothing of how it is made.",
                Drawing,
            ),
        )
    }
)
"""By the name that is stored and sent, which never changes."""


class Unusable(ValueError):
    """A tool cannot do what it was asked; the sentence is for the model."""


@cache
def offered(names: tuple[str, ...]) -> tuple[dict[str, Any], ...]:
    """Tools as requests name them, in their own order; names there are not are passed over. Pure."""
    return tuple(_function(spec) for name, spec in TOOLS.items() if name in names)


def _function(spec: ToolSpec) -> dict[str, Any]:
    schema = _bare(spec.arguments.model_json_schema())
    return {"type": "function", "function": {"name": spec.name, "description": spec.about, "parameters": schema}}


def _bare(schema: Any) -> Any:
    """A schema without titles, which only cost tokens."""
    if isinstance(schema, dict):
        return {key: _bare(value) for key, value in schema.items() if key != "title" or not isinstance(value, str)}
    return [_bare(item) for item in schema] if isinstance(schema, list) else schema


def asked(name: str, arguments: str, allowed: Sequence[str], others: Iterable[str] = ()) -> Arguments:
    """What a model's call asks for; `others` are tools of servers it may use as well. Pure. Raises Unusable with what to do otherwise."""
    spec = TOOLS.get(name)
    if spec is None or name not in allowed:
        there = ", ".join([*(known for known in TOOLS if known in allowed), *others]) or "none"
        raise Unusable(f"There is no such tool here. There are: {there}.")
    try:
        return spec.arguments.model_validate_json(arguments or "{}")
    except ValidationError as error:
        where = ", ".join(sorted({".".join(map(str, one["loc"])) or "the arguments" for one in error.errors()}))
        raise Unusable(f"It was asked wrongly: look at {where[:100]}.") from None


def problems(names: Sequence[str]) -> dict[str, str]:
    """What is wrong with the tools named for a character."""
    if unknown := [name for name in names if name not in TOOLS and not mcp.is_named(name)]:
        return {"tools": f"There is no tool called {unknown[0][:40]}. There are: {', '.join(TOOLS)}, and mcp:SERVER."}
    wrong = [why for name in names if mcp.is_named(name) and (why := mcp.problem(name)) is not None]
    return {"tools": wrong[0]} if wrong else {}
