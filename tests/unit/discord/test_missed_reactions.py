"""What of the reactions below a message the log does not know: told by numbers alone."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from bot.discord.missed_reactions import differing
from engine.resources.reacting.emoji import normal
from tests.support.examples import examples

EMOJIS = st.sampled_from(["👍", "👍🏽", "❤️", "party:5", "renamed:5"])


@given(st.dictionaries(EMOJIS, st.tuples(st.integers(0, 4), st.booleans())), st.lists(EMOJIS.map(normal), max_size=6))
def test_only_emojis_with_other_numbers_are_asked_for(shown: dict[str, tuple[int, bool]], known: list[str]) -> None:
    """Ours do not count, tones of skin and names of one emoji count together; what is gone has no name to ask by."""
    reactions = []
    for emoji, (others, ours) in shown.items():
        name, _, number = emoji.partition(":")
        reactions.append({"emoji": {"name": name, "id": number or None}, "count": others + ours, "me": ours})
    counted = Counter[str]()
    for emoji, (others, _) in shown.items():
        counted[normal(emoji)] += others
    found = differing({"id": "1", "reactions": reactions}, known)
    assert set(found) == {emoji for emoji in (*map(normal, shown), *known) if counted[emoji] != known.count(emoji)}
    for emoji, names in found.items():
        assert set(names) == {name for name in shown if normal(name) == emoji}


@examples(50)
@given(st.one_of(st.none(), st.integers(), st.text(), st.lists(st.one_of(st.none(), st.dictionaries(st.text(), st.integers())))))
def test_odd_reactions_are_nobodys(odd: object) -> None:
    """Whatever stands in the field, no name is made of it."""
    assert differing({"id": "1", "reactions": odd}, ()) == {}
