"""Reactions (E1, E2): which are news, what an emoji is for, who may say so, and what people think of a version."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.actor import Actor, operator, person
from engine.decide import character
from engine.decide.reacting import mapping, opinion
from engine.decide.reacting.mapping import MapReactions
from engine.decide.reacting.toggles import Reaction, Toggles
from engine.decide.rejected import Rejected
from engine.events.base import Event
from engine.events.reaction import ReactionAdded, ReactionRemoved, ReactionsCleared, ReactionsMapped
from engine.events.reply import ReplyRated
from engine.events.turn import GenerationStarted, TurnCompleted, TurnRequested
from engine.resources.kinds import REACTIONS
from engine.resources.reacting import sheet as reactions
from engine.resources.reacting.emoji import emojis, normal, written_wrong
from engine.resources.reacting.sheet import DEFAULTS, ReactionSheet
from tests.support.examples import examples

WREN, TURN, PRESET = UUID(int=1), UUID(int=2), UUID(int=3)
PLACE = {"message_id": 10, "channel_id": 11, "guild_id": 12, "venue": "discord"}
EMOJI = st.sampled_from(["❤️", "❤", "👎", "👎🏽", "more:77", "other:77", "1️⃣"])


@st.composite
def told(draw: st.DrawFn) -> Reaction:
    """Something Discord may tell of one message."""
    person_id, emoji = draw(st.integers(1, 3)), draw(EMOJI)
    kind = draw(st.sampled_from(["added", "added", "removed", "cleared"]))
    if kind == "cleared":
        return ReactionsCleared.model_validate(PLACE | {"emoji": draw(st.none() | st.just(emoji))})
    cls = ReactionAdded if kind == "added" else ReactionRemoved
    return cls.model_validate(PLACE | {"user_id": person_id, "emoji": emoji})


@examples(60)
@given(st.lists(told(), max_size=30))
def test_what_is_told_twice_is_one_event_and_no_two_events_have_one_id(heard: list[Reaction]) -> None:
    """E2: whoever folds what is stored knows who has what on, whatever was repeated; a super reaction counts once."""
    stored: dict[UUID, Event] = {}
    on: set[tuple[int, str]] = set()
    for event in heard:
        for _ in range(2):
            key = Toggles.of(stored.values()).news(event)
            if key is not None:
                assert key not in stored
                stored[key] = event
        match event:
            case ReactionAdded():
                on.add((event.user_id, normal(event.emoji)))
            case ReactionRemoved():
                on.discard((event.user_id, normal(event.emoji)))
            case ReactionsCleared():
                on = {one for one in on if event.emoji is not None and one[1] != normal(event.emoji)}
        assert Toggles.of(stored.values()).on == on


def test_an_emoji_is_known_in_every_form_it_is_given_in() -> None:
    assert {normal(one) for one in ("👎", "👎🏿", "👎🏽")} == {"👎"}
    assert normal("❤️") == normal("❤")
    assert {normal(one) for one in ("<:more:77>", "<a:more:77>", "more:77", "renamed:77")} == {"77"}
    assert emojis("off") == []
    assert emojis(" ❤️  👍 ❤") == ["❤", "👍"]
    assert written_wrong("🔍 1️⃣ 👩‍🚀 🇩🇪 <:a_b:1> ❤️") is None
    assert [written_wrong(text) for text in ("hello", "👍 no", "!", "<:x>")] == ["hello", "no", "!", "<:x>"]


def test_the_defaults_are_those_of_the_house() -> None:
    """E1: and no emoji does two things."""
    meant = reactions.mapping()
    assert [meant[normal(one)] for one in "❤👎❌📌🔍➡"] == ["like", "regenerate", "delete", "pin", "inspect", "go_on"]
    assert reactions.problems(DEFAULTS.model_dump()) == {}


SHEETS = st.builds(ReactionSheet, **{act: st.none() | st.sampled_from(["off", "👎", "🔁 👎", "❤️", "more:77"]) for act in reactions.ACTS})


@given(SHEETS, SHEETS)
def test_the_strongest_tier_that_says_anything_of_an_act_decides_it(weak: ReactionSheet, strong: ReactionSheet) -> None:
    """E1: and an emoji that a stronger tier claims is not a weaker tier's any more."""
    meant = reactions.mapping(weak, strong)
    for act in reactions.ACTS:
        for emoji in emojis(getattr(strong, act) or ""):
            assert getattr(strong, meant[emoji]) is not None, "of two claims of one tier either may win, but none of a weaker one"
        if getattr(strong, act) == "off":
            assert act not in meant.values()
        if getattr(strong, act) is None and getattr(weak, act) == "off":
            assert act not in meant.values()
    assert reactions.mapping(None, None) == reactions.mapping() == reactions.mapping(DEFAULTS)


@pytest.mark.parametrize(
    ("actor", "guild", "whose", "allowed"),
    [
        (person(5), 12, None, False),
        (person(5, permissions=frozenset({"manage_guild"})), 12, None, True),
        (person(5, permissions=frozenset({"manage_guild"})), None, WREN, False),
        (person(7), None, WREN, True),
        (operator(), 12, None, True),
        (operator(), None, WREN, True),
        (operator(), None, None, False),
        (operator(), 12, WREN, False),
    ],
)
def test_who_may_say_what_reactions_do(actor: Actor, guild: int | None, whose: UUID | None, allowed: bool) -> None:
    """A server's managers there, a character's owner for it; undo gives the state from before."""
    state = mapping.State(of=character.State(id=WREN, owner_id=7))
    command = MapReactions(guild, whose, {"regenerate": "🔁"})
    if not allowed:
        with pytest.raises(Rejected):
            mapping.decide(state, command, actor)
        return
    [event] = mapping.decide(state, command, actor)
    assert isinstance(event, ReactionsMapped)
    after = mapping.evolve(state, event)
    assert after.sheet.regenerate == "🔁"
    assert mapping.decide(after, command, actor) == []
    [undone] = mapping.decide(after, mapping.reverse(state, after, event), actor)
    assert mapping.evolve(after, undone).sheet == state.sheet
    for wrong in ({"regenerate": "hello"}, {"like": "🔁", "delete": "🔁"}, {"dance": "🔁"}):
        with pytest.raises(Rejected):
            mapping.decide(state, MapReactions(guild, whose, wrong), actor)


def _rated() -> opinion.State:
    ours: dict[str, Any] = {"turn_id": TURN, "message_id": 10, "channel_id": 11, "user_id": 5, "character_id": WREN, "venue": "discord"}
    started = GenerationStarted(
        turn_id=TURN, attempt=1, character_id=WREN, preset_id=PRESET, model="m", provider="p", as_of=1, prompt_version=2, prompt_tokens=3,
        prompt_sha256="0",
    )  # fmt: skip
    asked = TurnRequested(**ours, trigger="name", reason="named")
    done = TurnCompleted(**ours, attempt=1, model="m", provider="p", finish_reason="stop", text="Hello.")
    state = opinion.State()
    for event in (asked, started, done):
        state = opinion.evolve(state, event)
    return state


def test_a_rating_names_what_made_the_version_and_is_taken_back_by_whoever_gave_it() -> None:
    """E4: one a person and version; a stranger's counts nothing."""
    state = _rated()
    [event] = opinion.decide(state, opinion.Rate(10, WREN, TURN, rating="good"), person(5))
    assert isinstance(event, ReplyRated)
    assert (event.model, event.preset_id, event.version) == ("m", PRESET, TURN)
    after = opinion.evolve(state, event)
    assert opinion.decide(after, opinion.Rate(10, WREN, rating="good"), person(5)) == []
    assert opinion.decide(after, opinion.Rate(10, WREN, only="bad"), person(5)) == []
    [back] = opinion.decide(after, opinion.Rate(10, WREN, only="good"), person(5))
    assert opinion.evolve(after, back).rated == {}
    with pytest.raises(Rejected):
        opinion.decide(state, opinion.Rate(10, WREN, rating="good"), person(6))
    with pytest.raises(Rejected):
        opinion.decide(opinion.State(), opinion.Rate(10, WREN, rating="good"), operator())


def test_anybody_may_report_a_version_once() -> None:
    """E5: a report changes nothing of the reply."""
    state = _rated()
    [event] = opinion.decide(state, opinion.Report(10, WREN, TURN, "unkind"), person(99))
    after = opinion.evolve(state, event)
    with pytest.raises(Rejected, match="already"):
        opinion.decide(after, opinion.Report(10, WREN, TURN), person(99))
    assert after.of == state.of


def test_every_act_has_a_field_and_every_field_is_an_act() -> None:
    assert tuple(spec.key for spec in REACTIONS.fields) == reactions.ACTS
