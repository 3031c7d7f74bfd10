"""Rules of what can be changed: what a command makes, who may give it, and how it is taken back."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import ids
from engine.actor import Actor, operator, person
from engine.decide import channel, character, key, preset
from engine.decide.channel import Where
from engine.decide.command import Command, Rules
from engine.decide.rejected import Rejected
from engine.decide.spending import budget, model_override
from engine.events.base import Event
from engine.events.character import CharacterCreated, Description
from engine.events.claim import Claimed, Released
from engine.events.quota import LimitsChanged
from tests.support.examples import examples

ALICE, BOB, BOSS = person(7), person(8), person(9, owner=True)
WREN, LILITH = ids.derived("test", "wren"), ids.derived("test", "lilith")
HERE = Where(5, None, "discord")
FIELDS = {"name": "Wren", "info": "Keeps a lighthouse."}


def play(rules: Rules[Any, Any], state: Any, command: Command, actor: Actor) -> tuple[Any, list[Event]]:
    """The state after a command, and its events."""
    events = list(rules.decide(state, command, actor))
    before = state
    for event in events:
        state = rules.evolve(state, event)
    return (state, events) if events else (before, events)


def wren(actor: Actor = ALICE, **fields: object) -> character.State:
    state, _ = play(character.RULES, character.State(), character.Create(WREN, FIELDS | fields, measured=False), actor)
    assert isinstance(state, character.State)
    return state


def test_a_new_character_holds_its_short_name() -> None:
    """The claim is made by the same command as the character."""
    _, events = play(character.RULES, character.State(), character.Create(WREN, FIELDS), ALICE)
    assert [type(event) for event in events] == [CharacterCreated, Claimed]
    assert events[1] == Claimed(name="slug:wren", holder=WREN)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "???"}, "needs a name with a letter"),
        ({"name": "x" * 101}, "may have 100 characters; this has 101"),
        ({"slug": "No Good"}, "small letters, digits and hyphens"),
        ({"info": " \n"}, "at least in one sentence"),
        ({"info": 5}, "cannot be stored"),
        ({"slug": "lilith"}, "There is a character called lilith already"),
    ],
)
def test_a_character_that_breaks_a_rule_is_rejected_with_what_to_change(fields: dict[str, object], words: str) -> None:
    """One sentence, and no event."""
    state = character.State(holders={"slug:lilith": LILITH})
    with pytest.raises(Rejected, match=words):
        character.decide(state, character.Create(WREN, FIELDS | fields), ALICE)


def test_a_new_short_name_frees_the_old_one() -> None:
    """Both claims move with the edit; a name somebody else holds is refused."""
    state, events = play(character.RULES, wren(), character.Edit(WREN, {"slug": "wren-the-second"}), ALICE)
    assert [type(event) for event in events[1:]] == [Claimed, Released]
    assert state.holders == {"slug:wren-the-second": WREN}
    with pytest.raises(Rejected, match="called lilith already"):
        character.decide(replace(state, holders={"slug:lilith": LILITH}), character.Edit(WREN, {"slug": "lilith"}), ALICE)


@pytest.mark.parametrize(
    "command",
    [
        character.Edit(WREN, {"tone": "dry"}),
        character.Delete(WREN),
        character.AddAlias(WREN, "Keeper"),
        character.RemoveAlias(WREN, "Old"),
    ],
)
def test_a_character_is_changed_by_its_owner_and_the_bots_only(command: character.CharacterCommand) -> None:
    """For others a private one does not exist, and a public one is only to talk with."""
    state = wren(aliases=("Old",))
    for actor in (ALICE, BOSS, operator()):
        assert character.decide(state, command, actor)
    with pytest.raises(Rejected, match="no such character"):
        character.decide(state, command, BOB)
    with pytest.raises(Rejected, match="Only its owner"):
        character.decide(wren(aliases=("Old",), visibility="public"), command, BOB)


def test_an_edit_that_changes_nothing_makes_no_event() -> None:
    """The same form sent twice with different keys leaves one event."""
    assert character.decide(wren(), character.Edit(WREN, {"name": " Wren ", "slug": "wren"}), ALICE) == []


def test_an_edit_may_not_leave_a_character_without_a_self() -> None:
    """The rules of a new one hold for the whole after an edit; what was too long before is no reason to refuse another field."""
    with pytest.raises(Rejected, match="one sentence"):
        character.decide(wren(info="", traits="dry"), character.Edit(WREN, {"traits": ""}), ALICE)
    long = wren(info="x" * 5000)
    assert character.decide(long, character.Edit(WREN, {"tone": "dry"}), ALICE)
    with pytest.raises(Rejected, match="no field called colour"):
        character.decide(wren(), character.Edit(WREN, {"colour": "red"}), ALICE)


def test_aliases_are_a_set_without_case() -> None:
    """Twice the same is refused, and one too many."""
    state, _ = play(character.RULES, wren(), character.AddAlias(WREN, "  The   Keeper "), ALICE)
    assert state.values["aliases"] == ("The Keeper",)
    with pytest.raises(Rejected, match="called so already"):
        character.decide(state, character.AddAlias(WREN, "the keeper"), ALICE)
    with pytest.raises(Rejected, match="not called so"):
        character.decide(state, character.RemoveAlias(WREN, "Nobody"), ALICE)
    many = wren(aliases=tuple(f"name {n}" for n in range(20)))
    with pytest.raises(Rejected, match="20 aliases"):
        character.decide(many, character.AddAlias(WREN, "one more"), ALICE)


def test_a_deleted_character_comes_back_unless_its_name_is_taken() -> None:
    """Deleting frees the short name, so that another may hold it by then."""
    gone, _ = play(character.RULES, wren(), character.Delete(WREN), ALICE)
    assert gone.holders == {}
    back, _ = play(character.RULES, gone, character.Restore(WREN), ALICE)
    assert back == wren()
    with pytest.raises(Rejected, match="Rename that one first"):
        character.decide(replace(gone, holders={"slug:wren": LILITH}), character.Restore(WREN), ALICE)
    with pytest.raises(Rejected, match="not deleted"):
        character.decide(wren(), character.Restore(WREN), ALICE)


text = st.text(st.characters(codec="utf-8"), max_size=40)
edits = st.dictionaries(
    st.sampled_from([name for name, field in Description.model_fields.items() if field.annotation is str]), text, max_size=4
)
character_commands = st.one_of(
    edits.map(lambda changes: character.Edit(WREN, changes)),
    st.sampled_from(["wren", "keeper", "abc"]).map(lambda slug: character.Edit(WREN, {"slug": slug})),
    st.sampled_from(["public", "private"]).map(lambda v: character.Edit(WREN, {"visibility": v})),
    st.uuids().map(lambda preset_id: character.Edit(WREN, {"preset_id": preset_id})),
    text.map(lambda alias: character.AddAlias(WREN, alias)),
    text.map(lambda alias: character.RemoveAlias(WREN, alias)),
    st.just(character.Delete(WREN)),
    st.just(character.Restore(WREN)),
)
channel_commands = st.one_of(
    st.sampled_from([WREN, LILITH]).map(lambda c: channel.Activate(HERE, c)),
    st.sampled_from([WREN, LILITH, None]).map(lambda c: channel.Deactivate(HERE, c)),
    st.sampled_from([WREN, LILITH, None]).map(lambda c: channel.ResetContext(HERE, c)),
    st.integers(1, 4).map(lambda most: channel.Edit(HERE, {"most": most})),
    st.just(channel.Reset(HERE)),
)
scopes = st.sampled_from(["system", "user:7"])
PRESET = UUID(int=1)
preset_commands = st.one_of(
    st.dictionaries(st.sampled_from(["name", "model", "description"]), text, max_size=2).map(lambda c: preset.Edit(PRESET, c)),
    st.floats(0, 2).map(lambda t: preset.Edit(PRESET, {"temperature": t})),
    st.integers(1, 100).map(lambda n: preset.Edit(PRESET, {"max_messages": n})),
    st.booleans().map(lambda free: preset.SetDefault(PRESET, free)),
    st.booleans().map(lambda free: preset.SetDefault(UUID(int=2), free)),
    st.just(preset.Delete(PRESET)),
    st.just(preset.Restore(PRESET)),
)


def _two_presets() -> preset.State:
    state = preset.State()
    for number, name in ((1, "One"), (2, "Two")):
        create = preset.Create(UUID(int=number), {"name": name, "model": "a/b", "is_global": True})
        state, _ = play(preset.RULES, state, create, BOSS)
    return state


def _channel() -> channel.State:
    known = {c: replace(wren(visibility="public"), id=c) for c in (WREN, LILITH)}
    return channel.State(characters=known)


CASES: list[tuple[Rules[Any, Any], Any, st.SearchStrategy[Any]]] = [
    (character.RULES, wren(BOSS), character_commands),
    (channel.RULES, _channel(), channel_commands),
    (preset.RULES, _two_presets(), preset_commands),
    (budget.BUDGET_RULES, budget.Budgets(), st.builds(budget.SetBudget, scopes, st.none() | st.floats(0, 100))),
    (
        budget.LIMIT_RULES,
        LimitsChanged(),
        st.dictionaries(st.sampled_from(["free_daily", "user_per_minute"]), st.integers(1, 9)).map(budget.ChangeLimits),
    ),
    (
        model_override.RULES,
        None,
        st.one_of(
            st.just(model_override.Clear("a/b")),
            st.integers(1, 9).map(lambda n: model_override.Override("a/b", {"max_output": n})),
        ),
    ),
]


@pytest.mark.parametrize(("rules", "initial", "commands"), CASES, ids=[rules.kind for rules, _, _ in CASES])
@examples(30)
@given(data=st.data())
def test_taking_the_last_command_back_leaves_what_was_before(
    rules: Rules[Any, Any], initial: Any, commands: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    """Whatever was done before it: the compensating command leads to an equal state (C10)."""
    state = initial
    for command in data.draw(st.lists(commands, min_size=1, max_size=6)):
        before = state
        try:
            state, events = play(rules, state, command, BOSS)
        except Rejected:
            continue
        if not events:
            continue
        try:
            undone = rules.reverse(before, state, events[0])
        except Rejected:
            assert isinstance(command, preset.SetDefault)  # there was none before
            assert command.name not in before.holders
            continue
        back, _ = play(rules, state, undone, BOSS)
        assert _comparable(back) == _comparable(before)


def _comparable(state: Any) -> Any:
    """Everything but by whom it was changed last; order counts where it does for people."""
    match state:
        case channel.State():
            return list(state.active.items()), state.characters
        case preset.State():
            plain = {k: p.model_dump(exclude={"edited_by"}) for k, p in state.presets.items()}
            return plain, state.deleted, state.holders
        case LimitsChanged():
            return state.model_dump(exclude={"changed_by"})
        case _ if hasattr(state, "set_by"):
            return state.model_dump(exclude={"set_by"})
        case _:
            return state


def test_five_are_activated_at_most_and_deleted_ones_do_not_count() -> None:
    """A4: the sixth is refused; where one was deleted there is room again."""
    six = [ids.derived("test", n) for n in range(6)]
    known = {c: replace(wren(visibility="public"), id=c) for c in six}
    state = channel.State(characters=known)
    for one in six[:5]:
        state, _ = play(channel.RULES, state, channel.Activate(HERE, one), ALICE)
    with pytest.raises(Rejected, match="5 characters"):
        channel.decide(state, channel.Activate(HERE, six[5]), ALICE)
    state = replace(state, characters=known | {six[0]: replace(known[six[0]], deleted=True)})
    assert channel.decide(state, channel.Activate(HERE, six[5]), ALICE)


@pytest.mark.parametrize("command", [channel.Activate(Where(5, 1, "discord"), WREN), channel.Deactivate(Where(5, 1, "discord"))])
def test_who_answers_in_a_server_is_for_those_who_manage_messages(command: channel.ChannelCommand) -> None:
    """The permission is part of the command's giver, so no face can forget it; administrators hold all."""
    state = _channel()
    if isinstance(command, channel.Deactivate):
        state = replace(state, active={WREN: 7})
    with pytest.raises(Rejected, match="Manage Messages"):
        channel.decide(state, command, person(7))
    assert channel.decide(state, command, person(7, permissions=frozenset({"manage_messages"})))
    assert channel.decide(state, command, person(7, permissions=frozenset({"administrator"})))
    assert channel.decide(state, command, operator())


def test_a_private_character_is_activated_by_its_owner_only() -> None:
    """For others it does not exist (A2)."""
    state = channel.State(characters={WREN: wren()})
    assert channel.decide(state, channel.Activate(HERE, WREN), ALICE)
    with pytest.raises(Rejected, match="no such character"):
        channel.decide(state, channel.Activate(HERE, WREN), BOB)


def test_there_is_one_default_preset() -> None:
    """Choosing another takes the mark from the former; it cannot be deleted while it is the default."""
    state = _two_presets()
    for number in (1, 2):
        state, _ = play(preset.RULES, state, preset.SetDefault(UUID(int=number)), BOSS)
    assert [p.is_default for p in state.presets.values()] == [False, True]
    with pytest.raises(Rejected, match="Make another preset the default first"):
        preset.decide(state, preset.Delete(UUID(int=2)), BOSS)
    assert preset.decide(state, preset.Delete(UUID(int=1)), BOSS)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"temperature": 3}, '"Temperature" goes from 0 to 2'),
        ({"reasoning.max_tokens": 2000, "max_tokens": 1000}, "leave nothing of 1,000 tokens"),
        ({"is_default": True}, "cannot be edited"),
        ({"colour": "red"}, "colour"),
        ({"max_age_s": 0}, "Use null, or leave it empty"),
    ],
)
def test_a_preset_that_breaks_a_rule_is_rejected_with_its_field(changes: dict[str, object], words: str) -> None:
    """The ranges are those of the stored model, told in a sentence."""
    with pytest.raises(Rejected, match=words):
        preset.decide(_two_presets(), preset.Edit(PRESET, changes), BOSS)


def test_a_person_chooses_their_own_default_preset() -> None:
    """One of theirs or of everybody's; for everybody only the bot's owners choose."""
    known = preset.Chosen(presets=_two_presets())
    choose = preset.DEFAULT_RULES.decide
    assert choose(known, preset.ChooseDefault(7, PRESET), ALICE)
    assert choose(known, preset.ChooseDefault(None, PRESET), BOSS)
    assert choose(known, preset.ChooseDefault(7, None), ALICE) == []
    for command, actor in ((preset.ChooseDefault(None, PRESET), ALICE), (preset.ChooseDefault(7, PRESET), BOB)):
        with pytest.raises(Rejected, match="Only the bot's owners"):
            choose(known, command, actor)
    with pytest.raises(Rejected, match="no such preset"):
        choose(known, preset.ChooseDefault(7, UUID(int=9)), ALICE)


def test_presets_of_everybody_are_for_the_bots_owners() -> None:
    """A person changes and makes their own only."""
    state = _two_presets()
    with pytest.raises(Rejected, match="everybody's"):
        preset.decide(state, preset.Edit(PRESET, {"name": "Mine"}), ALICE)
    with pytest.raises(Rejected, match="preset for everybody"):
        preset.decide(state, preset.Create(UUID(int=3), {"name": "x", "model": "a/b", "is_global": True}), ALICE)
    mine, _ = play(preset.RULES, state, preset.Create(UUID(int=3), {"name": "Default", "model": "a/b"}), ALICE)
    with pytest.raises(Rejected, match="no such preset"):
        preset.decide(mine, preset.Edit(UUID(int=3), {"name": "y"}), BOB)


@pytest.mark.parametrize(
    ("rules", "state", "command"),
    [
        (budget.BUDGET_RULES, budget.Budgets(), budget.SetBudget("system", 1.0)),
        (budget.LIMIT_RULES, LimitsChanged(), budget.ChangeLimits({"free_daily": 3})),
        (model_override.RULES, None, model_override.Override("a/b", {"max_output": 3})),
    ],
)
def test_money_and_models_are_for_the_bots_owners(rules: Rules[Any, Any], state: Any, command: Command) -> None:
    """Checked where it is decided (H6)."""
    assert rules.decide(state, command, BOSS)
    with pytest.raises(Rejected, match="Only the bot's owners"):
        rules.decide(state, command, ALICE)


@pytest.mark.parametrize("scope", ["system ", "key:1", "user:", "user:٣", "nobody", f"user:{2**63}"])
def test_a_budget_needs_somebody_to_have_it(scope: str) -> None:
    """A scope nothing is ever paid by would be a budget that does nothing."""
    with pytest.raises(Rejected, match="A budget is for"):
        budget.decide_budget(budget.Budgets(), budget.SetBudget(scope, 1.0), BOSS)


def test_a_key_is_its_persons() -> None:
    """Added, tested, removed by them or the operator; what was removed is not tested any more."""
    k = UUID(int=5)
    state, _ = play(key.RULES, key.State(), key.Add(7, k, "openrouter", "1234"), ALICE)
    with pytest.raises(Rejected, match="person it belongs to"):
        key.decide(state, key.Remove(7, k), BOB)
    state, _ = play(key.RULES, state, key.Remove(7, k), operator())
    with pytest.raises(Rejected, match="not there any more"):
        key.decide(state, key.RecordTest(7, k, None), operator())
