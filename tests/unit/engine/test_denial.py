"""Who is not answered (H1): who may say so, what holds where, and taking it back."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.actor import Actor, operator, person
from engine.decide import character
from engine.decide.rejected import Rejected
from engine.decide.speaking import denial
from engine.decide.speaking.denial import Allow, Denied, Deny, by_characters, here
from engine.events.access import PersonAllowed, PersonDenied, Scope
from tests.support.examples import examples

WREN = UUID(int=1)
MODERATOR = person(5, permissions=frozenset({"moderate_members"}))
BOSS = person(6, owner=True)


@pytest.mark.parametrize(
    ("actor", "scope", "allowed"),
    [
        (person(5), "bot", False),
        (MODERATOR, "bot", False),
        (BOSS, "bot", True),
        (operator(), "bot", True),
        (person(5), "guild", False),
        (MODERATOR, "guild", True),
        (MODERATOR, "channel", True),
        (person(5, permissions=frozenset({"administrator"})), "channel", True),
        (MODERATOR, "character", False),
        (person(7), "character", True),
    ],
)
def test_who_may_deny_where(actor: Actor, scope: Scope, allowed: bool) -> None:
    """The bot's owners everywhere, moderators in their server, a character's owner for it; the sentence says what is missing."""
    state = denial.State(about=character.State(id=WREN, owner_id=7))
    command = Deny(99, scope, "" if scope == "bot" else str(WREN))
    if allowed:
        [event] = denial.decide(state, command, actor)
        assert isinstance(event, PersonDenied)
        assert (event.user_id, event.by_user_id, event.mode) == (99, actor.user_id, "block")
    else:
        with pytest.raises(Rejected, match=r"owners|permission|character"):
            denial.decide(state, command, actor)


def test_it_is_taken_back_and_put_back() -> None:
    """Allow, and the reverse of both; what is so already makes no event; nobody denies themselves."""
    denied = denial.decide(denial.State(), Deny(99, "bot", "", "mute", "spam"), BOSS)[0]
    state = denial.evolve(denial.State(), denied)
    assert (state.mode, state.reason) == ("mute", "spam")
    assert denial.decide(state, Deny(99, "bot", "", "mute", "spam"), BOSS) == []
    assert denial.reverse(denial.State(), state, denied) == Allow(99, "bot")
    [allowed] = denial.decide(state, Allow(99, "bot"), BOSS)
    assert isinstance(allowed, PersonAllowed)
    assert denial.reverse(state, denial.evolve(state, allowed), allowed) == Deny(99, "bot", "", "mute", "spam")
    with pytest.raises(Rejected, match="not denied"):
        denial.decide(denial.State(), Allow(99, "bot"), BOSS)
    with pytest.raises(Rejected, match="yourself"):
        denial.decide(denial.State(), Deny(6, "bot"), BOSS)
    with pytest.raises(Rejected, match="where"):
        denial.decide(denial.State(), Deny(99, "guild"), BOSS)


def test_a_reason_is_sealed_for_both() -> None:
    """Whoever of the two is erased first takes it along."""
    [event] = denial.decide(denial.State(), Deny(99, "bot"), BOSS)
    assert event.subjects == ("user:99", "user:6")


SCOPES = st.sampled_from(["bot", "guild", "channel", "character"])
DENIALS = st.lists(
    st.builds(Denied, SCOPES, st.sampled_from(["", "1", "2", "3", str(WREN)]), st.sampled_from(["block", "mute"])), max_size=6
)


@examples(60)
@given(DENIALS, st.none() | st.integers(1, 3), st.integers(1, 3), st.none() | st.integers(1, 3))
def test_block_wins_and_threads_are_as_their_channel(denials: list[Denied], guild: int | None, channel: int, parent: int | None) -> None:
    """Whatever else holds elsewhere counts for nothing here."""
    held = [
        one.mode
        for one in denials
        if (one.scope == "bot" and not one.target)
        or (one.scope == "guild" and one.target == str(guild))
        or (one.scope == "channel" and one.target in (str(channel), str(parent)))
    ]
    assert here(denials, guild, (channel, parent)) == ("block" if "block" in held else "mute" if held else None)
    known = [one for one in denials if one.scope != "character" or one.target == str(WREN)]
    assert (WREN in by_characters(known)) == any(one.scope == "character" for one in known)
