"""Whatever stands in a channel becomes what is wanted there, by as few actions as can be."""

from collections.abc import Sequence
from itertools import combinations
from uuid import NAMESPACE_OID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from bot.delivery.reconcile import Action, Delete, Edit, Send, Visible, reconcile

TEXTS = st.lists(st.sampled_from("abc"), max_size=5)
SHOWN = st.lists(st.sampled_from("abc") | st.none(), max_size=5)


def standing(texts: Sequence[str | None]) -> list[Visible]:
    return [Visible(100 + number, text) for number, text in enumerate(texts)]


def apply(actions: Sequence[Action], wanted: Sequence[str], visible: Sequence[Visible]) -> list[Visible]:
    """What stands there afterwards, in a channel that can append, edit and delete."""
    channel = {message.id: message.text for message in visible}
    for action in actions:
        match action:
            case Send(index):
                channel[max(channel, default=100) + 1] = wanted[index]
            case Edit(message, index):
                channel[message] = wanted[index]
            case Delete(message):
                del channel[message]
    return [Visible(message, channel[message]) for message in sorted(channel)]


def carried_out(wanted: Sequence[str], visible: Sequence[Visible]) -> list[Visible]:
    return apply(reconcile(wanted, visible).actions, wanted, visible)


def fewest(wanted: Sequence[str], shown: Sequence[str | None]) -> int:
    """By trying every choice of messages to keep."""
    return min(
        len(shown) - kept + len(wanted) - kept + sum(shown[place] != wanted[index] for index, place in enumerate(places))
        for kept in range(min(len(wanted), len(shown)) + 1)
        for places in combinations(range(len(shown)), kept)
    )


@given(TEXTS, SHOWN)
def test_what_is_wanted_stands_there_and_nothing_is_left_to_do(wanted: list[str], shown: list[str | None]) -> None:
    """In the wanted order, whatever stood there; a second look finds no work."""
    after = carried_out(wanted, standing(shown))
    assert [message.text for message in after] == wanted
    assert reconcile(wanted, after).actions == ()


@given(TEXTS, SHOWN)
def test_no_plan_takes_fewer_actions(wanted: list[str], shown: list[str | None]) -> None:
    """Neither an edit nor a post too many: each costs a request, and a post rings."""
    assert len(reconcile(wanted, standing(shown)).actions) == fewest(wanted, shown)


@given(TEXTS, SHOWN, st.data())
def test_a_crash_between_two_actions_is_gone_on_from(wanted: list[str], shown: list[str | None], data: st.DataObject) -> None:
    """Only a beginning of the plan was carried out: what is planned then leads to the same."""
    visible = standing(shown)
    done = reconcile(wanted, visible).actions[: data.draw(st.integers(0, 10))]
    left = apply(done, wanted, visible)
    assert [message.text for message in carried_out(wanted, left)] == wanted


@given(TEXTS, SHOWN)
def test_kept_messages_say_a_beginning_of_what_is_wanted(wanted: list[str], shown: list[str | None]) -> None:
    """Posts only go to the end, so the kept ones are the first texts, in channel order."""
    kept = reconcile(wanted, standing(shown)).kept
    assert list(kept) == list(range(len(kept)))
    assert list(kept.values()) == sorted(kept.values())


@given(st.integers(0, 3), st.integers(1, 4))
def test_a_shorter_text_stays_where_the_longer_one_began(wanted: int, more: int) -> None:
    """E3: another version stands in the first messages of the one before it, not below what was said meanwhile."""
    plan = reconcile(["new"] * wanted, standing(["old"] * (wanted + more)))
    assert list(plan.kept.values()) == [100 + number for number in range(wanted)]


@given(st.lists(st.sampled_from("abCD"), max_size=5, unique=True), st.lists(st.sampled_from("abcCDE"), max_size=5))
def test_a_message_with_a_file_never_shows_another(wanted: list[str], shown: list[str]) -> None:
    """Capitals are files: one is kept, taken away or posted, never edited into a text or another file."""
    carries = {name: uuid5(NAMESPACE_OID, name) for name in "CDE"}
    visible = [Visible(100 + n, "" if one in carries else one, carries.get(one)) for n, one in enumerate(shown)]
    plan = reconcile(["" if one in carries else one for one in wanted], visible, [carries.get(one) for one in wanted])
    channel = dict(zip((one.id for one in visible), shown, strict=True))
    for action in plan.actions:
        match action:
            case Send(index):
                channel[max(channel, default=100) + 1] = wanted[index]
            case Edit(message, index):
                assert channel[message] not in carries
                assert wanted[index] not in carries
                channel[message] = wanted[index]
            case Delete(message):
                del channel[message]
    assert [channel[message] for message in sorted(channel)] == wanted
