"""What a message points to, and who may read it there: whatever Discord sends, what is not known is a no (A8)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.discord.quoting.links import Pointer, linked, of_payload, origin
from bot.discord.quoting.rights import HISTORY, READ, VIEW, may_read

GUILD, OWNER, USER, ROLE, OTHER = 10, 11, 12, 13, 14
ADMINISTRATOR = 1 << 3
BITS = st.sampled_from((0, VIEW, HISTORY, READ, 1 << 11))
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(("id", "type", "allow", "roles", "user")), inner, max_size=3)
    ),
    max_leaves=6,
)


def guild(everyone: int, role: int = 0) -> dict[str, Any]:
    roles = [{"id": str(GUILD), "permissions": str(everyone)}, {"id": str(ROLE), "permissions": str(role)}]
    return {"id": str(GUILD), "owner_id": str(OWNER), "roles": roles}


def channel(*overwrites: tuple[int, int, int, int], of: int = GUILD) -> dict[str, Any]:
    """`overwrites`: (kind, whose, allow, deny)."""
    found = [{"type": kind, "id": str(whose), "allow": str(allow), "deny": str(deny)} for kind, whose, allow, deny in overwrites]
    return {"guild_id": str(of), "permission_overwrites": found}


def member(*roles: int, user: int = USER) -> dict[str, Any]:
    return {"user": {"id": str(user)}, "roles": [str(role) for role in roles]}


@pytest.mark.parametrize(
    ("server", "place", "person", "may"),
    [
        (guild(READ), channel(), member(), True),
        (guild(VIEW), channel(), member(), False),
        (guild(HISTORY), channel(), member(), False),
        (guild(0, READ), channel(), member(), False),
        (guild(0, READ), channel(), member(ROLE), True),
        (guild(0, ADMINISTRATOR), channel((0, GUILD, 0, READ)), member(ROLE), True),
        (guild(0), channel((0, GUILD, 0, READ)), member(user=OWNER), True),
        (guild(READ), channel((0, GUILD, 0, VIEW)), member(), False),
        (guild(READ), channel((0, GUILD, 0, VIEW), (0, ROLE, VIEW, 0)), member(ROLE), True),
        (guild(READ), channel((0, GUILD, 0, VIEW), (0, ROLE, VIEW, 0)), member(), False),
        (guild(READ), channel((0, ROLE, 0, VIEW), (1, USER, VIEW, 0)), member(ROLE), True),
        (guild(READ), channel((0, ROLE, VIEW, 0), (1, USER, 0, VIEW)), member(ROLE), False),
        (guild(READ), channel((1, OTHER, 0, VIEW)), member(), True),
        (guild(READ), channel((1, ROLE, 0, VIEW)), member(ROLE), True),
        (guild(READ), channel(of=99), member(), False),
    ],
)
def test_discords_order_of_overwrites(server: dict[str, Any], place: dict[str, Any], person: dict[str, Any], may: bool) -> None:
    """Everyone's, then roles', then the member's own; owner and administrators see everything of their server, and of no other."""
    assert may_read(server, place, person) is may


@given(st.data())
def test_what_is_not_known_is_a_no(data: st.DataObject) -> None:
    """A field that is missing, or is something else, opens nothing."""
    place = channel((0, GUILD, 0, 0))
    parts: list[dict[str, Any]] = [guild(READ), place, member(), *place["permission_overwrites"]]
    needed = [(0, "id"), (0, "roles"), (1, "guild_id"), (1, "permission_overwrites"), (2, "user"), (2, "roles")]
    part, key = data.draw(st.sampled_from([*needed, *((3, name) for name in ("type", "id", "allow", "deny"))]))
    wrong: object = data.draw(st.none() | st.text(max_size=5).filter(lambda text: not text.isdigit()) | st.just({}) | st.floats())
    parts[part][key] = wrong
    assert not may_read(*parts[:3])
    del parts[part][key]
    assert not may_read(*parts[:3])


@given(BITS, BITS, BITS, BITS)
def test_a_denial_of_ones_own_counts_whatever_else_is_allowed(everyone: int, role: int, allow: int, denied: int) -> None:
    """No role opens what is closed to a member by name."""
    place = channel((0, GUILD, READ, 0), (0, ROLE, allow, 0), (1, USER, 0, denied))
    assert may_read(guild(everyone, role), place, member(ROLE)) is not bool(denied & READ)


@given(st.lists(st.tuples(st.integers(0, 1 << 62), st.integers(1, 1 << 62), st.integers(1, 1 << 62)), max_size=5), st.text(max_size=10))
def test_links_are_found_in_their_order_and_each_once(links: list[tuple[int, int, int]], between: str) -> None:
    """Of every host that Discord answers on, also where words stand close to them; ids that Postgres cannot keep are none."""
    hosts = ("https://discord.com", "https://ptb.discord.com", "http://discordapp.com", "https://canary.discord.com")
    text = " ".join(f"{hosts[number % 4]}/channels/{g}/{c}/{m} {between}" for number, (g, c, m) in enumerate(links))
    assert linked(text) == list(dict.fromkeys(Pointer("link", *link) for link in links))


def test_what_is_no_link_to_a_message_points_nowhere() -> None:
    """A channel, another site, an id that is too long; a private talk has no server."""
    assert linked("https://discord.com/channels/1/2 https://evil.com/channels/1/2/3 https://discord.com.evil/channels/1/2/3") == []
    assert linked(f"https://discord.com/channels/1/2/{1 << 63}") == []
    assert linked("https://discord.com/channels/@me/2/3") == [Pointer("link", None, 2, 3)]


@given(st.dictionaries(st.sampled_from(("message_reference", "content", "message_snapshots", "channel_id")), ANYTHING))
def test_any_payload_can_be_asked_what_it_points_to(payload: dict[str, Any]) -> None:
    """Whatever stands in it."""
    assert isinstance(of_payload(payload, GUILD), list)
    assert origin(payload) is None
