"""What models are shown of what was said, as numbered lines, and what is read of their answers. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.events.memory import Source
from projections.models.memories.groups import Spoken
from projections.prompt.sections.remembered import Content

LONGEST, LONGEST_LINE = 1500, 600
"""Characters of what is noted, and of a line that a model is shown."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing said with what it says."""

    spoken: Spoken
    content: Content

    @property
    def source(self) -> Source:
        return Source(message_id=self.spoken.message_id, turn_id=self.spoken.turn, edit=self.spoken.edit)

    @property
    def at_ms(self) -> int:
        return int(self.content.at.timestamp() * 1000)

    @property
    def human(self) -> bool:
        """Whether it is a person's own words."""
        return self.spoken.kind == "message" and self.spoken.author_kind == "human"


def about(*parts: object, generation: str) -> str:
    """What a job is about: its last part says how many are read together, so that other groups, or a generation, are other jobs."""
    return ":".join(str(part) for part in (*parts, generation[:80]) if part != "")


def told(group: Sequence[Line]) -> str:
    """The group as the model reads it."""
    return "\n".join(
        f"[{number}] {line.content.speaker or 'a character'}: {' '.join(line.content.text.split())[:LONGEST_LINE]}"
        for number, line in enumerate(group)
    )


def said_on(lines: Sequence[Line]) -> str:
    """When that was said, so that "tomorrow" means a day."""
    first, last = (f"{line.content.at:%A, %Y-%m-%d}" for line in (lines[0], lines[-1]))
    return f" The lines were said on {first}." if first == last else f" The first line was said on {first}, the last on {last}."


def read(text: str) -> Mapping[str, Any]:
    """The JSON in a model's answer; nothing where there is none."""
    begin, end = text.find("{"), text.rfind("}")
    try:
        value = json.loads(text[begin : end + 1]) if 0 <= begin < end else {}
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
