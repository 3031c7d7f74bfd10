"""What of a prompt a small model is given, and what of its answer is shown while it writes."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from projections.prompt import reduced
from worker.smallmodel.__main__ import held_back

SYSTEM = """You take part in a chat as one character.

You are Captain Brine.
<character>
<info>
Captain Brine is a loud old pirate. He &amp; his parrot sail.
</info>
<tone>
Talks like a pirate.
</tone>
<examples>
the other person: Who are you?
Captain Brine: Arr!
the other person: I am tired.
Captain Brine: Rest: yer bones.
</examples>
</character>
"""


def _said(who: str, text: str) -> dict[str, Any]:
    return {
        "role": "user",
        "content": f'<message from="{who}" at="2026-11-29 13:25">\n{text}\n</message>\n<situation>\n<now>x</now>\n</situation>',
    }


def test_of_our_prompt_it_is_given_who_it_is_how_it_speaks_and_what_was_said() -> None:
    """No rules, no tags, nothing of the situation; several people with their names; of long talk the end."""
    spoken = [_said("Ann", f"line {n}") if n % 2 == 0 else {"role": "assistant", "content": f"line {n}"} for n in range(9)]
    found = reduced.turns([{"role": "system", "content": SYSTEM}, *spoken, _said("Bob", "is 1 &lt; 2?")])
    who = "You are Captain Brine. Captain Brine is a loud old pirate. He & his parrot sail. Talks like a pirate."
    assert found[0] == ("system", f"{who} Answer in one or two short sentences.")
    assert found[1:5] == [("user", "Who are you?"), ("assistant", "Arr!"), ("user", "I am tired."), ("assistant", "Rest: yer bones.")]
    assert found[5:] == [("assistant", "line 7"), ("user", "line 8"), ("user", "is 1 < 2?")]
    both = {"role": "user", "content": _said("Ann", "Hi")["content"] + _said("Bob", "Ho")["content"]}
    assert reduced.turns([{"role": "system", "content": SYSTEM}, both])[-1] == ("user", "Ann: Hi\nBob: Ho")


def test_another_prompt_is_passed_on_as_it_is() -> None:
    """Whoever asks without our frame gets the model, not a character."""
    asked: list[dict[str, Any]] = [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": [{"type": "text", "text": "Hello"}]},
    ]
    assert reduced.turns(asked) == [("system", "You are a helpful assistant."), ("user", "Hello")]
    assert reduced.character(asked) == ""


@given(
    st.lists(st.fixed_dictionaries({"role": st.text(max_size=9), "content": st.text() | st.none() | st.lists(st.integers())}), min_size=1)
)
def test_whatever_is_sent_becomes_turns(messages: list[dict[str, Any]]) -> None:
    """Of three roles, with texts."""
    assert all(role in {"system", "user", "assistant"} and isinstance(text, str) for role, text in reduced.turns(messages))


@given(st.text(), st.lists(st.text(min_size=1, max_size=4), max_size=3))
def test_nothing_is_shown_that_may_become_a_stop_string(text: str, stops: list[str]) -> None:
    """What is shown is a beginning of the text, and with the next letters no stop string begins in it."""
    shown = held_back(text, stops)
    assert text.startswith(shown)
    assert not any(shown.endswith(stop[:n]) for stop in stops for n in range(1, len(stop)))


def test_a_sentence_s_end_is_seen() -> None:
    """Behind a quotation mark too; three dots go on."""
    assert [reduced.ended(text) for text in ("Aye!", 'He said "no."', "Aye", "Well...", "e.g")] == [True, True, False, False, False]
