"""What the bot says of itself: signatures of webhooks, what they tell, and the message made of it (F9, F10)."""

import hashlib
import hmac
import json
from datetime import UTC, datetime

import nextcord
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.discord.bulletins import drawn, worded
from engine.actor import operator, person
from engine.decide.places.bulletin import PRESENCE_RULES, RELEASE_RULES, Publish, SetPresence, release_of, signed
from engine.decide.rejected import Rejected
from engine.events.bulletin import PresenceSet
from projections.models.places.releases import News
from tests.support.examples import examples

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(st.binary(max_size=200), st.text(min_size=1, max_size=40), st.text(max_size=80))
def test_only_who_knows_the_secret_is_heard(body: bytes, secret: str, guess: str) -> None:
    """Any text may come as the signature; none but the right one is taken, and only for that body."""
    right = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    assert signed(secret, body, right)
    assert not signed(secret, body + b" ", right)
    assert not signed(secret + "x", body, right)
    assert signed(secret, body, guess) == (guess == right)


@examples(40)
@given(JSON, st.dictionaries(st.sampled_from(["tag_name", "name", "body", "html_url", "draft", "prerelease"]), JSON))
def test_whatever_a_webhook_sends_is_a_release_or_none(payload: object, release: dict[str, object]) -> None:
    """And what becomes an event can be stored; drafts and what comes before a release are none."""
    assert release_of(payload) is None or isinstance(payload, dict)
    found = release_of({"action": "published", "release": release})
    if found is None or release.get("draft") or release.get("prerelease"):
        assert found is None
        return
    try:
        RELEASE_RULES.decide(False, found, operator())
    except Rejected:
        assert not 1 <= len(found.version) <= 100 or not found.version.isprintable() or " " in found.version
    text = worded(News(found.version[:100], found.title[:200], found.notes[:4000], found.url, datetime(2026, 1, 1, tzinfo=UTC)))
    assert len(text.encode("utf-16-le")) // 2 <= 2000


def test_a_release_is_published_once_by_owners_and_how_the_bot_shows_itself_can_be_taken_back() -> None:
    told = {"action": "published", "release": {"tag_name": "v1.4.0", "name": "Spring", "body": "New.", "html_url": "https://x.example/1"}}
    command = release_of(json.loads(json.dumps(told)))
    assert command == Publish("1.4.0", "Spring", "New.", "https://x.example/1")
    [event] = RELEASE_RULES.decide(False, command, operator())
    assert RELEASE_RULES.decide(RELEASE_RULES.evolve(False, event), command, operator()) == []
    start = PRESENCE_RULES.initial
    for rules, state, wanted in ((RELEASE_RULES, False, command), (PRESENCE_RULES, start, SetPresence(text="Hi"))):
        with pytest.raises(Rejected, match="owners"):
            rules.decide(state, wanted, person(7))  # type: ignore[arg-type]  # a pair of rules and command of one kind
    [shown] = PRESENCE_RULES.decide(start, SetPresence("idle", "watching", " the\nsea "), person(7, owner=True))
    assert isinstance(shown, PresenceSet)
    assert shown.text == "the sea"
    after = PRESENCE_RULES.evolve(start, shown)
    assert PRESENCE_RULES.decide(after, SetPresence("idle", "watching", "the sea"), operator()) == []
    assert PRESENCE_RULES.reverse(start, after, shown) == SetPresence()
    status, activity = drawn(shown)
    assert (status, isinstance(activity, nextcord.Activity)) == (nextcord.Status.idle, True)
    assert drawn(start.presence) == (nextcord.Status.online, None)
