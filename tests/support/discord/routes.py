"""A tiny route table whose templates are those of Discord's OpenAPI, so that an exchange can be validated by its template."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.support.discord.core import Core
from tests.support.discord.errors import ApiError, Json


@dataclass
class Call:
    """One parsed request. `params` come from the path, `files` from multipart: (field, filename, type, bytes).

    `refused` is what is wrong with the request whoever handles it.
    """

    method: str
    template: str
    path: str
    params: dict[str, str]
    query: dict[str, str]
    body: Json
    raw: object
    files: list[tuple[str, str, str, bytes]] = field(default_factory=list)
    refused: ApiError | None = None

    def __getitem__(self, name: str) -> str:
        return self.params[name]


@dataclass
class Reply:
    """What the server answers. `body` None = 204 without a body."""

    body: object = None
    status: int = 0

    def code(self) -> int:
        return self.status or (204 if self.body is None else 200)


type Handler = Callable[[Core, Call], Awaitable[Reply]]


@dataclass(frozen=True)
class Route:
    """One endpoint. `public` = needs no bot token (webhooks and interactions carry their own)."""

    method: str
    template: str
    pattern: re.Pattern[str]
    handler: Handler
    public: bool


TABLE: list[Route] = []


def route(method: str, template: str, *, public: bool = False) -> Callable[[Handler], Handler]:
    """Register a handler for `METHOD template`."""
    names = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template.replace("@", "\\@"))

    def add(handler: Handler) -> Handler:
        TABLE.append(Route(method, template, re.compile(f"^{names}$"), handler, public))
        TABLE.sort(key=lambda r: r.template.count("{"))
        return handler

    return add


def find(method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """The most literal route that fits, with its path parameters (still quoted)."""
    for entry in TABLE:
        if entry.method == method and (hit := entry.pattern.match(path)):
            return entry, hit.groupdict()
    return None
