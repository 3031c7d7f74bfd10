"""Ready-made rules with their conditions: as they are written, and when each holds."""

import pytest

from engine.resources.craft.directives import DIRECTIVES, DRIFT, DirectiveFacts, NotADirective, directive, held

LONG = "word " * 200
STRAYS = {
    "plain": DirectiveFacts(replies=("What a great idea!",)),
    "brief": DirectiveFacts(replies=(LONG,)),
    "own-words": DirectiveFacts(replies=("She smiles softly and waits.", "Well.", "She smiles softly, again.")),
    "no-puppets": DirectiveFacts(replies=("I nod.\n**Bob:** Fine by me.".replace("**Bob:**", "Bob:"),), people=("Bob",)),
}
KEEPS = DirectiveFacts(replies=("No. That would not hold.", "The mill burnt down.", "Ask the miller."), people=("Bob",))


@pytest.mark.parametrize("name", DIRECTIVES)
def test_each_rule_holds_when_its_condition_does(name: str) -> None:
    """Always, with every third message, where the message says so, and where the last replies stray."""
    assert directive(name).holds(DirectiveFacts())
    every = directive(f"{name}: every 3")
    assert [n for n in range(8) if every.holds(DirectiveFacts(count=n))] == [3, 6]
    said = directive(f"{name} : /tell ME/i")
    assert said.holds(DirectiveFacts(message="Please tell me"))
    assert not said.holds(DirectiveFacts(message="Please go"))
    if name in DRIFT:
        assert directive(f"{name}: drift").holds(STRAYS[name])
        assert not directive(f"{name}: drift").holds(KEEPS)
        assert not directive(f"{name}: drift").holds(DirectiveFacts())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nonsense", "no rule called nonsense"),
        ("brief: sometimes", "brief: every 3"),
        ("brief: every 0", "brief: every 3"),
        ("brief: /(?=x)/", "Looking ahead"),
        ("brief: /(/", "brief: /pattern/i"),
        ("continuity: drift", "strays from continuity"),
        ("", "no rule called"),
    ],
)
def test_a_rule_written_wrongly_is_refused_with_what_to_write(text: str, why: str) -> None:
    with pytest.raises(NotADirective, match=why.replace("(", "\\(")):
        directive(text)


def test_one_rule_with_two_conditions_holds_where_either_does() -> None:
    on, off = held(("brief: every 2", "brief: /short/", "plain", "gone: every 2"), DirectiveFacts("in short", count=3))
    assert (on, off) == (("plain", "brief"), ())
    on, off = held(("brief: every 2", "plain: /x/"), DirectiveFacts("in short", count=3))
    assert (on, [one.kind for one in off]) == ((), ["every 2", "where a pattern is found"])
