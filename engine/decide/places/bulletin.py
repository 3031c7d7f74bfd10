"""Rules for what the bot says of itself: how it shows itself (F9), and news of releases (F10). Pure."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.actor import Actor
from engine.decide.command import Command, Rules
from engine.decide.rejected import Rejected
from engine.events.base import Event
from engine.events.bulletin import PresenceSet, ReleasePublished
from engine.outside.clean import storable
from engine.resources.places.showing import PRESENCE, Activity, Status
from engine.resources.typed import tidy

PLAIN = PresenceSet()
"""How it shows itself unless something else is set."""
NOTES = 1500
"""Characters of a release's notes that are told."""


@dataclass(frozen=True, slots=True)
class Display:
    """What is set."""

    presence: PresenceSet = PLAIN


@dataclass(frozen=True, slots=True)
class SetPresence(Command):
    """Show the bot so; all as it comes takes it back."""

    status: Status = "online"
    activity: Activity = "custom"
    text: str = ""

    @property
    def stream(self) -> str:
        return PRESENCE


def _show(state: Display, command: SetPresence, actor: Actor) -> Sequence[Event]:
    if not actor.trusted:
        raise Rejected("Only the bot's owners can say how it shows itself.")
    text = " ".join(tidy(command.text).split())
    if len(text) > 128:
        raise Rejected("Discord takes at most 128 characters there.")
    made = PresenceSet(status=command.status, activity=command.activity, text=text, set_by=actor.user_id)
    return [] if made.model_copy(update={"set_by": state.presence.set_by}) == state.presence else [made]


def _shown(state: Display, event: Event) -> Display:
    return replace(state, presence=event) if isinstance(event, PresenceSet) else state


def _hide(before: Display, after: Display, event: Event) -> SetPresence:
    return SetPresence(before.presence.status, before.presence.activity, before.presence.text)


PRESENCE_RULES = Rules("presence", SetPresence, Display(), _shown, lambda _, command: [command.stream], _show, _hide)


@dataclass(frozen=True, slots=True)
class Publish(Command):
    """Tell of a release, once for each version."""

    version: str
    title: str = ""
    notes: str = ""
    url: str = ""

    @property
    def stream(self) -> str:
        return f"release:{self.version}"


def _publish(published: bool, command: Publish, actor: Actor) -> Sequence[Event]:
    if not actor.trusted:
        raise Rejected("Only the bot's owners can tell of a release.")
    if not 1 <= len(command.version) <= 100 or not command.version.isprintable() or " " in command.version:
        raise Rejected("A version is one word, such as 1.4.0.")
    title, notes = " ".join(tidy(command.title).split())[:200], tidy(command.notes).strip()[:4000]
    url = command.url if command.url.startswith("https://") and len(command.url) <= 500 else ""
    return [] if published else [ReleasePublished(version=command.version, title=title, notes=notes, url=url)]


def _final(before: bool, after: bool, event: Event) -> Publish:
    raise Rejected("People may have been told of it already: that cannot be taken back.")


RELEASE_RULES = Rules(
    "release",
    Publish,
    False,
    lambda published, event: published or isinstance(event, ReleasePublished),
    lambda _, command: [command.stream],
    _publish,
    _final,
)


def signed(secret: str, body: bytes, signature: str) -> bool:
    """Whether a body was signed with the secret, as `sha256=` and the HMAC in hexadecimal digits, in constant time."""
    expected = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.encode())


def release_of(payload: object) -> Publish | None:
    """The release a webhook tells of, in the form GitHub sends; None where it tells of something else, of a draft or a pre-release."""
    found = payload.get("release") if isinstance(payload, dict) and payload.get("action") == "published" else None
    if not isinstance(found, dict) or found.get("draft") or found.get("prerelease"):
        return None
    texts: dict[str, Any] = {name: found.get(key) for name, key in (("title", "name"), ("notes", "body"), ("url", "html_url"))}
    version = found.get("tag_name")
    if not isinstance(version, str):
        return None
    clean = {name: storable(text) for name, text in texts.items() if isinstance(text, str)}
    return Publish(storable(version).removeprefix("v"), **clean)
