"""What holds for servers: how characters may speak, which are served, what people are told, how fast they may be answered."""

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.discord.serving import is_new, places
from engine.actor import Actor, operator, person
from engine.decide.places import server, serving
from engine.decide.places.care import concerns, disclosure_due
from engine.decide.rejected import Rejected
from engine.resources.channel import Speech
from engine.resources.places.server import AS_IT_COMES, Listing, ServerSheet, eased, is_exempt, pace, problems, speech

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
SPEECHES: tuple[Speech, ...] = ("open", "called", "closed")


@given(
    st.sampled_from(SPEECHES), st.sampled_from(SPEECHES), st.sampled_from(get_args(Listing)), st.sets(st.integers(1, 4)), st.integers(1, 4)
)
def test_the_stricter_of_server_and_channel_counts(whole: Speech, here: Speech, listing: Listing, listed: set[int], channel: int) -> None:
    """H3: a channel opens nothing that the server closed; a thread is as its channel is."""
    sheet = ServerSheet(speech=whole, listing=listing, channels=tuple(listed))
    found = speech(sheet, here, (channel, None))
    assert SPEECHES.index(found) >= max(SPEECHES.index(whole), SPEECHES.index(here))
    assert (found == "closed") == ("closed" in (whole, here) or listing == ("except" if channel in listed else "only"))
    assert speech(sheet, here, (99, channel)) == speech(sheet, here, (channel, 99))


def test_only_who_manages_the_server_changes_it_and_it_can_be_taken_back() -> None:
    """Their permission counts in their own server only."""
    manager = Actor("person", 7, permissions=frozenset({"manage_guild"}), channel_id=1, guild_id=5)
    command = server.Edit(5, {"speech": "called", "per_minute": 3})
    for actor in (person(7), Actor("person", 7, permissions=frozenset({"manage_guild"}), channel_id=1, guild_id=6)):
        with pytest.raises(Rejected, match="Manage Server"):
            server.decide(server.State(), command, actor)
    [event] = server.decide(server.State(), command, manager)
    after = server.evolve(server.State(), event)
    assert (after.sheet.speech, after.sheet.per_minute) == ("called", 3)
    assert server.decide(after, command, manager) == []
    back = server.reverse(server.State(), after, event)
    [undone] = server.decide(after, back, manager)
    assert server.evolve(after, undone).sheet == AS_IT_COMES
    for wrong in ({"listing": "only"}, {"per_minute": 0}, {"nonsense": 1}):
        with pytest.raises(Rejected):
            server.decide(server.State(), server.Edit(5, wrong), operator())


def test_a_denied_server_is_not_served_until_it_is_allowed() -> None:
    """H2: by the bot's owners only; with `named_only` one must be allowed by name."""
    with pytest.raises(Rejected, match="owners"):
        serving.decide(serving.State(), serving.DenyServer(5), person(7, permissions=frozenset({"administrator"})))
    [denied] = serving.decide(serving.State(), serving.DenyServer(5, "spam"), operator())
    state = serving.evolve(serving.State(), denied)
    assert serving.decide(state, serving.DenyServer(5, "spam"), operator()) == []
    [allowed] = serving.decide(state, serving.reverse(serving.State(), state, denied), operator())
    verdicts = [None, state.verdict, serving.evolve(state, allowed).verdict]
    assert [serving.served(verdict, named_only=False) for verdict in verdicts] == [True, False, True]
    assert [serving.served(verdict, named_only=True) for verdict in verdicts] == [False, False, True]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("I want to kill myself", True),
        ("i don\u2019t want to live anymore", True),
        ("Ich möchte sterben.", True),
        ("je veux mourir", True),
        ("I want to die of laughter? no: I want to dive", True),
        ("I want to dive", False),
        ("kill the dragon myself", False),
        ("the knight harmed himself", False),
        ("I could kill for a coffee", False),
    ],
)
def test_who_writes_of_harming_themselves_is_noticed(text: str, found: bool) -> None:
    """H7: plain first-person words; stories of others are not meant."""
    assert concerns(text) is found


@given(st.text(max_size=200))
def test_whatever_is_written_is_looked_at(text: str) -> None:
    assert concerns(text) in (True, False)


@given(st.booleans(), st.booleans(), st.booleans(), st.one_of(st.none(), st.timedeltas(timedelta(0), timedelta(days=2))))
def test_people_are_told_once_and_again_where_minors_are(minors: bool, switched: bool, wanted: bool, ago: timedelta | None) -> None:
    """H7: once per person and server; every three hours in the minor mode, whatever else is switched off."""
    sheet = ServerSheet(minors=minors, disclosure=switched)
    due = disclosure_due(sheet, None if ago is None else NOW - ago, NOW, wanted=wanted)
    assert due == ((ago is None or ago >= timedelta(hours=3)) if minors else (ago is None and wanted and switched))


@given(st.none() | st.integers(1, 600), st.dictionaries(st.integers(1, 2**63 - 1), st.integers(1, 600), max_size=5), st.data())
def test_a_persons_roles_go_before_what_holds_for_everybody(general: int | None, limits: dict[int, int], data: st.DataObject) -> None:
    """H8: the highest of those a person has; a role of which nothing is said says nothing."""
    sheet = ServerSheet(per_minute=general, role_limits={str(role): each for role, each in limits.items()})
    mine = data.draw(st.lists(st.sampled_from([*limits, 7]), max_size=4))
    held = [limits[role] for role in mine if role in limits]
    assert pace(sheet, mine) == (max(held) if held else general)
    for wrong in ({"a": 1}, {"1": 0}, {"1": 601}, {str(n): 1 for n in range(26)}):
        assert "role_limits" in problems({"role_limits": wrong})


@given(st.sampled_from(SPEECHES), st.sets(st.integers(1, 9)), st.integers(1, 9), st.lists(st.integers(1, 9), max_size=4))
def test_who_is_exempt_is_answered_where_it_is_closed_when_they_call(here: Speech, exempt: set[int], who: int, roles: list[int]) -> None:
    """H8: by their id or that of a role of theirs; ghost mode is as it is for everybody."""
    found = is_exempt(ServerSheet(exempt=tuple(exempt)), who, roles)
    assert found == bool(exempt & {who, *roles})
    assert eased(here, found) == ("called" if found and here == "closed" else here)


def test_a_server_joined_just_now_is_greeted_in_a_channel_of_its_own() -> None:
    """Its channel for such messages, then text channels from the top; a server known for long is not greeted."""
    channels = [{"id": "3", "type": 0, "position": 2}, {"id": "2", "type": 0, "position": 1}, {"id": "9", "type": 2, "position": 0}]
    assert places({"channels": channels, "system_channel_id": "3"}) == [3, 2]
    assert places({}) == []
    assert is_new({"joined_at": (NOW - timedelta(seconds=5)).isoformat()}, NOW)
    assert not any(is_new({"joined_at": at}, NOW) for at in ("", None, "2015-01-01", (NOW - timedelta(hours=1)).isoformat()))
