"""The pages a person can go to, in the order in which they are offered."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PageLink:
    """An entry of the navigation. `phone`: it has a place in the bar of a narrow screen, where only four have room."""

    path: str
    label: str
    icon: str
    phone: bool = False


PAGES = (
    PageLink("/", "Playground", "chat", phone=True),
    PageLink("/characters", "Characters", "faces", phone=True),
    PageLink("/presets", "Presets", "filter"),
    PageLink("/timeline", "Timeline", "timeline"),
    PageLink("/turns", "Turns", "turns", phone=True),
    PageLink("/usage", "Usage", "usage"),
    PageLink("/health", "Health", "health", phone=True),
)
"""Always seen, where the screen is wide enough."""
MORE = (
    PageLink("/live", "Live", "health"),
    PageLink("/connect", "Connect a model", "plug"),
    PageLink("/personas", "Personas", "faces"),
    PageLink("/lore", "Lorebooks", "filter"),
    PageLink("/conversations", "Conversations", "chat"),
    PageLink("/models", "Models", "faces"),
    PageLink("/settings", "Settings", "filter"),
    PageLink("/memory", "Memory", "jobs"),
    PageLink("/files", "In and out", "down"),
    PageLink("/jobs", "Jobs", "jobs"),
    PageLink("/projections", "Read models", "turns"),
    PageLink("/past", "The past", "timeline"),
    PageLink("/dead-letters", "Dead letters", "close"),
)
"""Below "More"."""
