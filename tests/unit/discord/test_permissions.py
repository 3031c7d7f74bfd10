"""What Discord's answers and commands say of our permissions. Pure."""

import nextcord
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.discord.permissions import BITS, judged, notice, told
from bot.explain import NEEDED, WITHOUT


def test_every_permission_has_its_bit_and_its_words() -> None:
    """A bit is the one that Discord's number has for it."""
    assert set(BITS) == set(NEEDED) == set(WITHOUT)
    assert {name: nextcord.Permissions(**{name: True}).value for name in BITS} == {name: 1 << bit for name, bit in BITS.items()}
    for name, words in NEEDED.items():
        assert f"**{words}** in <#5>" in notice("Home", 5, name)


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "found"),
    [
        ("GET", "/channels/5/webhooks", 403, 50013, (5, "manage_webhooks", False)),
        ("POST", "/channels/5/webhooks", 403, 50013, (5, "manage_webhooks", False)),
        ("POST", "/channels/5/messages", 403, 50013, (5, "send_messages", False)),
        ("GET", "/channels/5/messages", 403, 50013, (5, "read_message_history", False)),
        ("GET", "/channels/5/messages", 403, 50001, (5, "view_channel", False)),
        ("POST", "/channels/5/messages", 200, 0, (5, "send_messages", True)),
        ("GET", "/channels/5/messages/7", 200, 0, (5, "read_message_history", True)),
        ("POST", "/channels/5/messages", 403, 50083, None),  # the thread is archived
        ("POST", "/channels/5/messages", 400, 50013, None),
        ("POST", "/channels/5/typing", 403, 50013, None),
        ("DELETE", "/channels/5/messages/7", 403, 50013, None),
        ("POST", "/webhooks/5/token", 403, 50013, None),
    ],
)
def test_a_refusal_names_what_is_lacking(method: str, path: str, status: int, code: int, found: tuple[int, str, bool] | None) -> None:
    assert judged(method, path, status, code) == found


@given(st.dictionaries(st.sampled_from(["channel_id", "guild_id", "app_permissions"]), st.text() | st.integers() | st.none()))
def test_an_interaction_says_all_or_nothing(payload: dict[str, object]) -> None:
    """Whatever stands there."""
    assert len(told(payload)) in (0, len(NEEDED))


def test_what_is_held_is_read_from_the_number() -> None:
    found = told({"channel_id": "5", "guild_id": "6", "app_permissions": str(1 << 10 | 1 << 38)})
    assert [name for _, name, held in found if held] == ["view_channel", "send_messages_in_threads"]
