"""Regex scripts of characters and servers."""

from pydantic import Field

from engine.events.base import Event, Sealed, Snowflake, user_subject
from engine.resources.craft.script import ScriptScope, ScriptSheet


class ScriptsSet(Event):
    """The scripts of one character or server as they are from now on, in the order in which they run."""

    scope: ScriptScope
    target: str = Field(max_length=64)
    set_by: Snowflake
    scripts: Sealed[tuple[ScriptSheet, ...]] = ()

    @property
    def stream_name(self) -> str:
        return f"scripts:{self.scope}:{self.target}"

    @property
    def subjects(self) -> tuple[str, ...]:
        return (user_subject(self.set_by),)
