"""A turn's record in lines that fit a message: where its time went, who was drawn, what was asked, what was shown. Pure."""

from collections.abc import Iterator

from projections.inspecting.inspection import Chapter, Inspection

_TOLD = frozenset({"gate", "draft", "asked", "requested", "attempt", "calls", "post", "versions", "opinion"})
"""Chapters that are told; those with what was said are left to the pages of whoever runs the bot."""
_HIDDEN = frozenset({"SHA-256", "Wish"})
LONGEST = 3_800
"""Characters; the rest is left out, and that is said."""


def lines(found: Inspection) -> list[str]:
    """One line each, Discord's markdown."""
    told = [f"Turn `{found.turn}`", _times(found)] + [
        line for chapter in found.chapters if chapter.name in _TOLD for line in _told(chapter)
    ]
    kept: list[str] = []
    for line in told:
        if sum(len(one) + 1 for one in kept) + len(line) > LONGEST:
            return [*kept, "More of it is in the console."]
        kept.append(line)
    return kept


def _times(found: Inspection) -> str:
    parts = ", ".join(f"{part.label} {_duration(part.ms)}" for part in found.stretches if part.ms >= 1)
    return f"Time: {_duration(found.total_ms)} in all{f' ({parts})' if parts else ''}."


def _told(chapter: Chapter) -> Iterator[str]:
    facts = ", ".join(f"{name}: {_safe(value)}" for name, value in chapter.facts if value and name not in _HIDDEN)
    yield f"**{_safe(chapter.title)}**{f' {facts}' if facts else ''}"
    for row in chapter.rows[:12]:
        cells = [f"{head} {_safe(cell)}" for head, cell in zip(chapter.head, row, strict=False) if cell]
        yield f"- {', '.join(cells)}"


def _duration(ms: float) -> str:
    if ms < 1000:
        return f"{ms:.0f} ms"
    minutes, seconds = divmod(ms / 1000, 60)
    return f"{minutes:.0f} min {seconds:.0f} s" if minutes else f"{seconds:.1f} s"


def _safe(text: str) -> str:
    """Without what would be markdown."""
    return "".join(f"\\{c}" if c in "*_`~|<>" else c for c in " ".join(text.split()))[:200]
