"""Presets for places: who may choose which, taking back, and which of seven tiers answers (C4)."""

import itertools
from uuid import UUID

import pytest

from engine.actor import Actor, operator, person
from engine.decide.cascade import Tier
from engine.decide.places import override
from engine.decide.places.override import OverridePreset
from engine.decide.rejected import Rejected
from engine.events.preset import PresetCreated, PresetDeleted
from engine.resources.preset import PresetSheet
from projections.models.catalog_items import Defaults, Overrides, Preset, decided
from projections.models.catalog_items import Override as Chosen

OURS, MINE, WREN = UUID(int=1), UUID(int=2), UUID(int=7)
IN_CHANNEL, IN_SERVER = OverridePreset(OURS, channel_id=5, guild_id=6), OverridePreset(OURS, guild_id=6)
WITH_WREN = OverridePreset(OURS, user_id=7, character_id=WREN)


def there() -> override.State:
    """Everybody's preset and one of person 7's."""
    state = override.State()
    for made in (
        PresetCreated(preset_id=OURS, owner_id=9, name="Ours", model="a/b", is_global=True),
        PresetCreated(preset_id=MINE, owner_id=7, name="Mine", model="a/c"),
    ):
        state = override.evolve(state, made)
    return state


def at(*permissions: str, channel: int = 5, guild: int = 6) -> Actor:
    return Actor("person", 8, False, frozenset(permissions), channel, guild)


@pytest.mark.parametrize(
    ("command", "actor", "sentence"),
    [
        (WITH_WREN, person(8), "Everybody chooses for themselves"),
        (WITH_WREN, person(8, owner=True), "Everybody chooses for themselves"),
        (IN_CHANNEL, at(), "Manage Messages"),
        (IN_CHANNEL, at("manage_guild"), "Manage Messages"),
        (IN_CHANNEL, at("manage_messages", channel=4), "Manage Messages"),
        (IN_CHANNEL, at("manage_messages", guild=4), "Manage Messages"),
        (IN_SERVER, at("manage_messages"), "Manage Server"),
        (IN_SERVER, at("manage_guild", guild=4), "Manage Server"),
        (OverridePreset(MINE, channel_id=5, guild_id=6), at("administrator"), "not yours"),
        (OverridePreset(MINE, guild_id=6), operator(1), "not yours"),
        (OverridePreset(UUID(int=3), user_id=7, character_id=WREN), person(7), "no such preset"),
        (OverridePreset(OURS), operator(), "for a person with a character"),
        (OverridePreset(OURS, user_id=7), operator(), "for a person with a character"),
        (OverridePreset(OURS, channel_id=5), operator(), "for a person with a character"),
        (OverridePreset(OURS, user_id=7, character_id=WREN, guild_id=6), operator(), "for a person with a character"),
    ],
)
def test_a_choice_is_made_by_whoever_may_make_it_of_what_they_may_use(command: OverridePreset, actor: Actor, sentence: str) -> None:
    with pytest.raises(Rejected, match=sentence):
        override.decide(there(), command, actor)


@pytest.mark.parametrize(
    ("command", "actor"),
    [
        (WITH_WREN, person(7)),
        (OverridePreset(MINE, user_id=7, character_id=WREN), person(7)),
        (OverridePreset(MINE, user_id=7, character_id=WREN), operator(1)),
        (IN_CHANNEL, at("manage_messages")),
        (IN_SERVER, at("administrator")),
        (IN_SERVER, person(7, owner=True)),
    ],
)
def test_a_choice_is_made_once_and_can_be_taken_back(command: OverridePreset, actor: Actor) -> None:
    """The same again is nothing; it stands in a stream of its own, in which the rules read."""
    state = there()
    [made] = override.decide(state, command, actor)
    assert made.stream_name == command.stream == override.reads(state, command)[0]
    assert made.doer == actor.user_id
    after = override.evolve(state, made)
    assert override.decide(after, command, actor) == []
    [back] = override.decide(after, override.reverse(state, after, made), actor)
    assert override.evolve(after, back) == state


def test_a_deleted_preset_is_chosen_by_nobody() -> None:
    gone = override.evolve(there(), PresetDeleted(preset_id=OURS, owner_id=9, deleted_by=9))
    with pytest.raises(Rejected, match="no such preset"):
        override.decide(gone, IN_SERVER, operator())


TIERS: tuple[Tier, ...] = ("admin", "character", "server", "channel", "user", "user+character")
IDS = {tier: UUID(int=n + 1) for n, tier in enumerate(TIERS)}
STATES = ("none", "usable", "private", "gone")
SHEETS = {(tier, state): PresetSheet(name=tier, model="a/b", is_global=state == "usable") for tier in TIERS for state in STATES}


def test_every_combination_of_tiers_and_states_has_the_preset_of_the_strongest_that_says_something() -> None:
    """All 4^6: nothing chosen, a preset that may be used, one that its chooser may not use (any more), and one that was deleted."""
    for states in itertools.product(STATES, repeat=len(TIERS)):
        said = dict(zip(TIERS, states, strict=True))
        known = [Preset(IDS[tier], 99, 0, SHEETS[tier, state]) for tier, state in said.items() if state in ("usable", "private")]
        wanted = {tier: IDS[tier] if state != "none" else None for tier, state in said.items()}
        places = {tier: Chosen(IDS[tier], 8) if state != "none" else None for tier, state in said.items()}
        overrides = Overrides(places["user+character"], places["channel"], places["server"])
        found = decided(known, wanted["character"], Defaults(wanted["user"], wanted["admin"]), 7, overrides)
        # What a character's owner and the bot's owners chose holds for everybody, as it always did.
        speaking = [t for t in TIERS if said[t] == "usable" or (said[t] == "private" and t in ("admin", "character"))]
        assert (found and (found.tier, found.value.id)) == ((speaking[-1], IDS[speaking[-1]]) if speaking else None)


def test_what_a_channel_has_is_used_by_everybody_as_long_as_its_chooser_may_use_it() -> None:
    """A moderator's own preset answers others there; one that is not its chooser's says nothing, nor does another's for oneself."""
    own = Preset(MINE, 8, 0, PresetSheet(name="Mine", model="a/b"))
    found = decided([own], None, Defaults(None, None), 7, Overrides(channel=Chosen(MINE, 8)))
    assert found is not None
    assert (found.tier, found.value) == ("channel", own)
    assert decided([own], None, Defaults(None, None), 7, Overrides(channel=Chosen(MINE, 5))) is None
    assert decided([own], None, Defaults(None, None), 7, Overrides(with_character=Chosen(MINE, 8))) is None
