"""Servers of tools that others wrote (Model Context Protocol): how the operator names them, and how a character is given their tools.

The file has the form that other programs use for it: `{"mcpServers": {NAME: {"command": ..., "args": [...], "env": {...}}}}`, or with
`"url"` and `"headers"` for one that is reached over HTTP. Pure but for `load`, which reads the file.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from engine.errors import SettingsError
from engine.outside import sites

PREFIX = "mcp:"
"""What a character's tools of such servers begin with: `mcp:NAME` for all of one, `mcp:NAME/TOOL` for one of them."""
MOST_SERVERS = 20
_NAMED = re.compile(r"mcp:[a-z0-9][a-z0-9_-]{0,31}(/[A-Za-z0-9_.-]{1,64})?", re.ASCII)
_SERVER = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}", re.ASCII)
_HEADER = re.compile(r"[A-Za-z0-9-]{1,100}", re.ASCII)

Text = Annotated[str, Field(max_length=4000)]


class McpServer(BaseModel):
    """How one server is started, or where it is. Environment and headers may hold secrets, so repr shows neither."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    command: Text = ""
    args: tuple[Text, ...] = Field((), max_length=100, repr=False)
    env: dict[str, Text] = Field(default_factory=dict, repr=False)
    url: Text = ""
    headers: dict[str, Text] = Field(default_factory=dict, repr=False)
    private: bool = False
    """An https address may lie in a network of our own as well; one that begins with http:// always may, because it was written out."""

    @model_validator(mode="before")
    @classmethod
    def _of_others(cls, values: Any) -> Any:
        """Leave out what other programs write beside it."""
        return {name: value for name, value in values.items() if name in cls.model_fields} if isinstance(values, Mapping) else values

    @model_validator(mode="after")
    def _is_one_of_both(self) -> "McpServer":
        if bool(self.command) == bool(self.url):
            raise ValueError("needs either a command or a url")
        if self.url:
            self.target()
        if any(not _HEADER.fullmatch(name) or "\n" in value or "\r" in value for name, value in self.headers.items()):
            raise ValueError("has a header that cannot be sent")
        if any("\0" in text for text in (self.command, *self.args, *self.env, *self.env.values())):
            raise ValueError("has a NUL in its command")
        return self

    def target(self) -> sites.Target:
        """The address of one over HTTP. Raises ValueError (Forbidden) with a sentence."""
        scheme, _, rest = self.url.partition("://")
        found = sites.target(self.url, (f"{scheme.lower()}://{re.split('[/?#]', rest, maxsplit=1)[0]}",))
        return replace(found, anywhere=self.private or found.scheme == "http")


def load(path: Path | None) -> dict[str, McpServer]:
    """The servers of a file; none without one. Raises SettingsError with one sentence that holds no value of the file."""
    if path is None:
        return {}
    try:
        text = path.expanduser().read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise SettingsError(f"MCP_SERVERS_FILE names {path}, which cannot be read: {why}.") from None
    try:
        return servers(text)
    except ValueError as error:
        raise SettingsError(f"MCP_SERVERS_FILE names {path}, which cannot be used: {error}") from None


def servers(text: str) -> dict[str, McpServer]:
    """The servers that a file names. Pure. Raises ValueError with a sentence."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("it is no JSON.") from None
    named = found.get("mcpServers") if isinstance(found, dict) else None
    if not isinstance(named, dict):
        raise ValueError('it needs an object "mcpServers".')
    if len(named) > MOST_SERVERS:
        raise ValueError(f"it names more than {MOST_SERVERS} servers.")
    return {name: _server(name, entry) for name, entry in named.items()}


def _server(name: str, entry: object) -> McpServer:
    if not _SERVER.fullmatch(name):
        raise ValueError("a server's name has 1 to 32 small letters, digits, - and _.")
    try:
        return McpServer.model_validate(entry)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where, said = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
        raise ValueError(f"{name} {said}." if not where else f"{name}: look at {where[:60]}.") from None


def is_named(tool: str) -> bool:
    """Whether a character's tool is one of such a server."""
    return tool.startswith(PREFIX)


def problem(tool: str) -> str | None:
    """What is wrong with the name of such a tool; None when nothing is. Pure."""
    return None if _NAMED.fullmatch(tool) else "A tool of a server is written mcp:SERVER, or mcp:SERVER/TOOL for one of its tools."


def wanted(tools: Sequence[str]) -> dict[str, frozenset[str] | None]:
    """Servers a character may use, each with the tools it may use of it; None: all. Pure."""
    found: dict[str, frozenset[str] | None] = {}
    for tool in filter(is_named, tools):
        server, _, one = tool.removeprefix(PREFIX).partition("/")
        known = found.get(server, frozenset())
        found[server] = None if not one or known is None else known | {one}
    return found
