"""Everything that went over the wire, so that a test or a chaos oracle can count it."""

import re
import time
from dataclasses import asdict, dataclass, field

from tests.support.discord.errors import Json

SENDS = {
    ("POST", "/channels/{channel_id}/messages"),
    ("PATCH", "/channels/{channel_id}/messages/{message_id}"),
    ("POST", "/webhooks/{webhook_id}/{webhook_token}"),
    ("PATCH", "/webhooks/{webhook_id}/{webhook_token}/messages/{message_id}"),
    ("PATCH", "/webhooks/{webhook_id}/{webhook_token}/messages/@original"),
    ("POST", "/interactions/{interaction_id}/{interaction_token}/callback"),
}
_PING = re.compile(r"@(everyone|here)|<@!?(\d+)>|<@&(\d+)>")


@dataclass
class Exchange:
    """One REST request and its answer. `at` is monotonic seconds; `dropped` means the answer never left."""

    method: str
    template: str
    path: str
    query: dict[str, str]
    request: object
    status: int
    response: object
    at: float = field(default_factory=time.monotonic)
    dropped: bool = False

    def plain(self) -> Json:
        return asdict(self)


@dataclass
class Recorder:
    """Exchanges, gateway frames from the client, typing signals, pings that would have gone out, and broken rules."""

    exchanges: list[Exchange] = field(default_factory=list)
    frames: list[Json] = field(default_factory=list)
    typing: list[str] = field(default_factory=list)
    pings: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def of(self, method: str, template: str) -> list[Exchange]:
        """Exchanges of one route, oldest first."""
        return [e for e in self.exchanges if e.method == method and e.template == template]

    def watch_pings(self, method: str, template: str, body: Json) -> None:
        """Note a violation where a send path does not switch every ping off, and each ping that Discord would make."""
        if (method, template) not in SENDS:
            return
        message = body.get("data", {}) if template.endswith("/callback") and body.get("type") in (4, 7) else body
        text = message.get("content")
        if not text and not message.get("embeds"):
            return
        allowed = message.get("allowed_mentions")
        if not isinstance(allowed, dict) or allowed.get("parse") != [] or allowed.get("replied_user"):
            self.violations.append(f"{method} {template}: allowed_mentions must switch every ping off, got {allowed!r}")
        self.pings.extend(pings(str(text or ""), allowed))


def pings(text: str, allowed: Json | None) -> list[str]:
    """What this text would ping under these allowed_mentions: `everyone`, `here`, `user:1`, `role:1`."""
    found: list[str] = []
    for wide, person, role in _PING.findall(text):
        kind, value = ("everyone", "") if wide else ("users", person) if person else ("roles", role)
        permitted = allowed is None or kind in (allowed.get("parse") or []) or value in [str(v) for v in allowed.get(kind) or []]
        if permitted:
            found.append(wide or f"{kind[:-1]}:{value}")
    return found
