"""Who answers: a table of every trigger and of every pair that collides (A1, A2, A3, A4)."""

from collections.abc import Set
from dataclasses import replace
from itertools import combinations
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.mentions import normal
from bot.requests import received
from bot.triggers import Candidate, Cast, State, addressed, decided, is_triggerable, resolve
from engine.decide.speaking.denial import Denied
from engine.events.message import Attachment, Forward, MessageDrafted, MessageReceived
from engine.resources.channel import ChannelSheet, Strategy
from tests.support.examples import examples

REPLIED, ACTIVE, DM, NAMED, BOT, SECRET, OTHER = (UUID(int=n) for n in range(1, 8))
OWNER, STRANGER = 7, 8
CHARACTERS = (
    Candidate(REPLIED, ("Replied",)),
    Candidate(ACTIVE, ("Active",)),
    Candidate(DM, ("Session",)),
    Candidate(NAMED, ("Named", "named-slug", "Nick")),
    Candidate(BOT, ("Host",)),
    Candidate(SECRET, ("Secret",), owner_id=OWNER, private=True),
    Candidate(OTHER, ("Other",)),
)
EVERYTHING = {"reply": REPLIED, "activation": ACTIVE, "dm": DM, "name": NAMED, "mention": BOT}


def message(kinds: Set[str] = frozenset(), text: str = "hello", **more: object) -> MessageReceived:
    """A message that offers these triggers."""
    fields: dict[str, object] = {
        "message_id": 100,
        "channel_id": 200,
        "author_id": STRANGER,
        "author_name": "Alice",
        "venue": "discord",
        "channel_kind": "dm" if "dm" in kinds else "guild",
        "reply_to": 50 if "reply" in kinds else None,
        "mentions_bot": "mention" in kinds,
        "text": f"{text} @Named" if "name" in kinds else text,
    }
    return MessageReceived.model_validate(fields | more)


def state(kinds: Set[str] = frozenset(), **more: object) -> State:
    """What must hold for these triggers."""
    fields: dict[str, object] = {
        "characters": Cast.of(CHARACTERS),
        "replied_to": REPLIED if "reply" in kinds else None,
        "active": (ACTIVE,) if "activation" in kinds else (),
        "session": DM if "dm" in kinds else None,
        "default": BOT,
    }
    return State(**(fields | more))  # type: ignore[arg-type]


def answers(kinds: set[str]) -> list[tuple[str, UUID]]:
    return [(t.kind, t.character) for t in resolve(message(kinds), state(kinds))]


@pytest.mark.parametrize("kind", EVERYTHING)
def test_each_trigger_alone_brings_its_character(kind: str) -> None:
    """One trigger, one answer, and it says why."""
    assert answers({kind}) == [(kind, EVERYTHING[kind])]


COLLISIONS = {
    ("reply", "activation"): ["reply"],
    ("reply", "dm"): ["reply"],
    ("reply", "name"): ["reply", "name"],
    ("reply", "mention"): ["reply"],
    ("activation", "dm"): ["activation"],
    ("activation", "name"): ["activation", "name"],
    ("activation", "mention"): ["activation"],
    ("dm", "name"): ["dm", "name"],
    ("dm", "mention"): ["dm"],
    ("name", "mention"): ["name"],
}


def test_the_table_of_collisions_is_complete() -> None:
    """Every pair of triggers stands in the table."""
    assert set(COLLISIONS) == set(combinations(EVERYTHING, 2))


@pytest.mark.parametrize(("pair", "winners"), COLLISIONS.items())
def test_a_pair_that_collides(pair: tuple[str, str], winners: list[str]) -> None:
    """The higher one leads; a name is explicit and is added instead of lost."""
    assert answers(set(pair)) == [(kind, EVERYTHING[kind]) for kind in winners]


def test_all_at_once_is_led_by_the_reply() -> None:
    """Reply first, then the named one; the rest is implicit and silent."""
    assert answers(set(EVERYTHING)) == [("reply", REPLIED), ("name", NAMED)]


def test_nobody_is_addressed_by_plain_talk() -> None:
    """No trigger, no answer."""
    assert answers(set()) == []


def test_names_answer_left_to_right_after_the_reply_target_without_repeats() -> None:
    """A3: reply target first, mentions in their order, each once."""
    found = resolve(message({"reply"}, "@Other and @Named and @Replied and @Other"), state({"reply"}))
    assert [t.character for t in found] == [REPLIED, OTHER, NAMED]


def test_the_limit_cuts_and_can_be_seen() -> None:
    """Four by default; `addressed` tells how many there would have been."""
    many = message(set(), "@Replied @Active @Session @Named @Host")
    assert [t.character for t in resolve(many, state())] == [REPLIED, ACTIVE, DM, NAMED]
    assert len(addressed(many, state())) == 5
    assert len(resolve(many, state(sheet=ChannelSheet(most=1)))) == 1


@pytest.mark.parametrize("name", ["@named-slug", "@Nick", "@NAMED"])
def test_slug_alias_and_name_all_name_it(name: str) -> None:
    """Any of a character's names."""
    assert [t.character for t in resolve(message(set(), f"{name} hi"), state())] == [NAMED]


@pytest.mark.parametrize("author", ["bot", "webhook"])
def test_programs_never_trigger(author: str) -> None:
    """K = 0: whatever a bot or webhook says, nobody answers."""
    assert resolve(message(set(EVERYTHING), author_kind=author), state(set(EVERYTHING))) == []


def test_a_reply_with_its_ping_switched_off_is_no_trigger() -> None:
    """The person took the address off again."""
    assert resolve(message({"reply"}, reply_pings=False), state({"reply"})) == []


@pytest.mark.parametrize(
    ("offered", "kinds"),
    [
        ({"replied_to": SECRET}, {"reply"}),
        ({"active": (SECRET,)}, set()),
        ({"session": SECRET}, {"dm"}),
        ({"default": SECRET}, {"mention"}),
        ({}, set()),
    ],
    ids=["reply", "activation", "dm", "mention", "name"],
)
def test_a_private_character_answers_only_those_who_may_use_it(offered: dict[str, object], kinds: set[str]) -> None:
    """A2: also through a reply, an activation, a session or the default."""
    text = "hello @Secret" if not offered else "hello"
    for author, expected in ((STRANGER, []), (OWNER, [SECRET])):
        found = resolve(message(kinds, text, author_id=author), state(set(), **offered))
        assert [t.character for t in found] == expected


def test_where_two_share_a_name_ones_own_comes_first() -> None:
    """The owner means their own, everybody else the older one."""
    mine = Candidate(UUID(int=90), ("Named",), owner_id=OWNER)
    crowd = state(characters=Cast.of((*CHARACTERS, mine)))
    assert [t.character for t in resolve(message({"name"}, author_id=OWNER), crowd)] == [mine.id]
    assert [t.character for t in resolve(message({"name"}), crowd)] == [NAMED]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"text": "words"}, True),
        ({"text": " \n"}, False),
        ({"text": "", "attachments": (Attachment(kind="sticker", name="wave"),)}, True),
        ({"text": "", "attachments": (Attachment(kind="poll", text="?"),)}, True),
        ({"text": "", "forwards": (Forward(text="said elsewhere"),)}, True),
        ({"text": "words", "author_kind": "webhook"}, False),
    ],
)
def test_one_predicate_says_what_can_trigger(fields: dict[str, object], expected: bool) -> None:
    """A11: anything with something in it, said by a person."""
    assert is_triggerable(message(**fields)) is expected  # type: ignore[arg-type]


KINDS = st.sets(st.sampled_from(list(EVERYTHING)))


@examples(60)
@given(KINDS, st.integers(1, 10), st.sampled_from(["human", "bot", "webhook"]), st.text(max_size=40), st.sampled_from([OWNER, STRANGER]))
def test_answers_are_few_distinct_and_allowed(kinds: set[str], limit: int, author: str, text: str, user: int) -> None:
    """Whatever comes: at most `limit`, nobody twice, nobody the author may not use, and the same again for the same input."""
    said = message(kinds, text + " @Secret @Other", author_kind=author, author_id=user)
    holds = state(kinds, sheet=ChannelSheet(most=limit))
    found = resolve(said, holds)
    assert found == resolve(said, holds)
    characters = [t.character for t in found]
    assert len(characters) == len(set(characters)) <= limit
    assert user == OWNER or SECRET not in characters
    assert author == "human" or not characters


CHANGES = st.lists(
    st.builds(
        Candidate,
        st.integers(0, 5).map(lambda n: UUID(int=n)),
        st.lists(st.sampled_from(["Ada", "ada ", "Lilith", ""]), max_size=3).map(tuple),
        st.none() | st.sampled_from([OWNER, STRANGER]),
        st.booleans(),
        st.frozensets(st.sampled_from([OWNER, STRANGER])),
        st.integers(0, 3),
    ),
    max_size=12,
)


@examples(40)
@given(CHANGES, st.sets(st.integers(0, 5).map(lambda n: UUID(int=n))), st.sampled_from([OWNER, STRANGER]))
def test_a_cast_that_changed_is_the_one_made_anew(changes: list[Candidate], gone: set[UUID], user: int) -> None:
    """Step by step or at once: the same are found by id and by name, and the same one answers for the bot."""
    stepwise = Cast.of()
    for candidate in changes:
        stepwise = stepwise.changed([candidate])
    stepwise = stepwise.changed((), gone)
    standing = {c.id: c for c in changes if c.id not in gone}
    for name in ("ada", "lilith", ""):
        mine = [c for c in standing.values() if c.usable_by(user) and name in {normal(n) for n in c.names} - {""}]
        rank = {c.id: (c.owner_id != user, c.since) for c in mine}
        best = {key for key, value in rank.items() if value == min(rank.values())}
        found = stepwise.named(name, user)
        assert (found in best) if best else found is None
    assert len(stepwise) == len(standing)
    public = {c.id: (c.owner_id is not None, c.since) for c in standing.values() if not c.private}
    assert (stepwise.default is None) == (not public)
    assert stepwise.default is None or public[stepwise.default] == min(public.values())


def test_a_cast_of_many_is_not_slower_to_search() -> None:
    """Ten thousand of one name cost one look each to build, and a look to find."""
    many = [Candidate(UUID(int=n), ("Ada",), owner_id=n, private=True, since=n) for n in range(10_000)]
    cast = Cast.of(many)
    assert cast.named("ada", 9_999) == UUID(int=9_999)
    assert cast.named("ada", 10_000) is None


def crowd(text: str, strategy: Strategy = "natural", talk: float = 0.0) -> list[tuple[str, UUID]]:
    """Who answers a text where three are activated, and by which trigger."""
    cast = Cast.of([replace(one, talkativeness=talk) for one in CHARACTERS])
    held = state(characters=cast, active=(ACTIVE, OTHER, SECRET), sheet=ChannelSheet(strategy=strategy))
    return [(t.kind, t.character) for t in resolve(message(set(), text), held)]


def test_of_several_activated_ones_not_all_answer_everything() -> None:
    """A4: one of those the author may talk with, where none is talkative; both where both are; a secret one never for a stranger."""
    assert len(crowd("what now")) == 1
    assert {character for _, character in crowd("what now", talk=1.0)} == {ACTIVE, OTHER}
    assert crowd("what now", "list") == [("activation", ACTIVE), ("activation", OTHER)]
    assert crowd("what now", "manual", talk=1.0) == []


@pytest.mark.parametrize("strategy", ["natural", "list", "pooled", "manual"])
def test_who_is_called_speaks_alone(strategy: Strategy) -> None:
    """By its name as in talk, with the mention character, or by a reply."""
    assert crowd("Other, what now", strategy, talk=1.0) == [("activation", OTHER)]
    assert crowd("what now @Other", strategy, talk=1.0) == [("name", OTHER)]
    assert addressed(message({"reply"}), state({"reply"}, active=(ACTIVE, OTHER)))[0].character == REPLIED


def test_a_name_from_outside_is_added_to_the_draft() -> None:
    """A3: `@Named` is not activated here; it answers besides whoever was drawn."""
    found = crowd("what now @Named", talk=0.0)
    assert found[-1] == ("name", NAMED)
    assert [kind for kind, _ in found] == ["activation", "name"]


def test_a_character_for_adults_answers_where_discord_says_adults_are() -> None:
    """H5: elsewhere the gate says why it does not."""
    cast = Cast.of([replace(one, adult=one.id == ACTIVE) for one in CHARACTERS])
    closed = decided(message({"activation"}), state({"activation"}, characters=cast), 0.0)
    assert closed.triggers == []
    assert [one.gate for one in closed.verdict.declined] == ["age"]
    assert decided(message({"activation"}), state({"activation"}, characters=cast, adult=True), 0.0).triggers[0].character == ACTIVE


def test_the_draft_is_kept_with_its_rolls() -> None:
    """What was drawn stands beside the message, for everybody who might have spoken, and is the same when it is read again."""
    held = state(active=(ACTIVE, OTHER))
    found = decided(message(), held, 0.0)
    kept = [new.event for new in received(message(), found) if isinstance(new.event, MessageDrafted)]
    assert [{one.character_id for one in event.drawn} for event in kept] == [{ACTIVE, OTHER}]
    assert any(one.roll is not None for one in kept[0].drawn)
    assert decided(message(), held, 0.0) == found
    assert not any(isinstance(new.event, MessageDrafted) for new in received(message(), decided(message(), state(), 0.0)))


def test_in_a_channel_where_characters_only_listen_a_call_is_answered_and_talk_is_not() -> None:
    """H3, ghost mode: a name, a reply and a call in plain words bring an answer; closed, nothing does, and the gate says so."""
    ghost = state(active=(ACTIVE,), sheet=ChannelSheet(speech="called"))
    assert resolve(message(), ghost) == []
    assert [t.character for t in resolve(message(text="Active, are you there?"), ghost)] == [ACTIVE]
    assert [t.character for t in resolve(message(text="and @Active?"), ghost)] == [ACTIVE]
    assert [t.character for t in resolve(message({"reply"}), replace(ghost, replied_to=REPLIED))] == [REPLIED]
    closed = decided(message(text="and @Active?"), state(active=(ACTIVE,), sheet=ChannelSheet(speech="closed")), 0.0)
    assert ([one.gate for one in closed.verdict.declined], closed.triggers) == (["restricted"], [])


@pytest.mark.parametrize(
    ("denied", "answering"),
    [
        (Denied("bot", "", "block"), []),
        (Denied("channel", "200", "mute"), []),
        (Denied("channel", "201", "mute"), [ACTIVE, NAMED]),
        (Denied("guild", "1", "block"), []),
        (Denied("guild", "2", "block"), [ACTIVE, NAMED]),
        (Denied("character", str(NAMED), "mute"), [ACTIVE]),
    ],
)
def test_who_is_denied_is_not_answered_there(denied: Denied, answering: list[UUID]) -> None:
    """H1: by anybody in a place, or by one character anywhere; the gate keeps why."""
    kinds = {"activation", "name"}
    found = decided(message(kinds, guild_id=1), state(kinds, denials=(denied,)), 0.0)
    assert [t.character for t in found.triggers] == answering
    assert len(answering) == 2 or {one.gate for one in found.verdict.declined} == {"denied"}
