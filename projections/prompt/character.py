"""Who is speaking: the character's description, section by section."""

from engine.events.character import Description
from projections.prompt.text import escape, fill, section

_SECTIONS = (
    ("info", "info"),
    ("traits", "traits"),
    ("tone", "tone"),
    ("age", "age"),
    ("appearance", "appearance"),
    ("likes", "likes"),
    ("dislikes", "dislikes"),
    ("goals", "goals"),
    ("examples", "examples"),
    ("instructions", "system_prompt"),
)


def render(description: Description, user: str) -> str:
    """`You are NAME.` and what is known about that character. `user` fills the placeholders for the person addressed."""
    known = [
        section(name, escape(fill(str(getattr(description, field)), user=user, character=description.name)).strip())
        for name, field in _SECTIONS
    ]
    name = " ".join(escape(description.name).split())
    return f"You are {name}.\n" + section("character", "\n".join(part for part in known if part))
