"""Settings from seven tiers (C4)."""

import itertools

import pytest

from engine.decide.cascade import TIERS, UNSET, Resolved, Tier, Unset, resolve, resolve_all

STATES: tuple[Unset | str | None, ...] = (UNSET, None, "value")


def test_every_combination_of_tiers_and_states_has_one_answer() -> None:
    """The strongest tier that says anything decides, an explicit None included, and is named; all 3^7 combinations."""
    for states in itertools.product(STATES, repeat=len(TIERS)):
        said: dict[Tier, str | Unset | None] = {
            tier: (f"{tier}'s" if state == "value" else None if state is None else UNSET) for tier, state in zip(TIERS, states, strict=True)
        }
        speaking = [tier for tier in TIERS if not isinstance(said[tier], Unset)]
        if not speaking:
            with pytest.raises(LookupError):
                resolve(said)
            continue
        found = resolve(said)
        assert (found.tier, found.value) == (speaking[-1], said[speaking[-1]])
        assert found.beaten == tuple(tier for tier in reversed(speaking[:-1]) if said[tier] != found.value)


def test_the_order_of_the_tiers_is_the_one_people_are_told() -> None:
    """Baseline, admin, character, server, channel, user, user and character."""
    assert TIERS == ("baseline", "admin", "character", "server", "channel", "user", "user+character")


@pytest.mark.parametrize("order", list(itertools.permutations(TIERS))[::497])
def test_the_order_in_which_tiers_are_given_does_not_matter(order: tuple[Tier, ...]) -> None:
    """A mapping is no list."""
    assert resolve({tier: tier for tier in order}).value == "user+character"


def test_fields_are_decided_each_for_itself() -> None:
    """A person who sets one field keeps the channel's word on the others."""
    tiers: dict[Tier, dict[str, object]] = {
        "baseline": {"max_messages": 50, "max_age_s": 3600},
        "channel": {"max_messages": 20},
        "user": {"max_age_s": None},
    }
    assert resolve_all(["max_messages", "max_age_s"], tiers) == {
        "max_messages": Resolved(20, "channel", ("baseline",)),
        "max_age_s": Resolved(None, "user", ("baseline",)),
    }
