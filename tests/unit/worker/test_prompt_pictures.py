"""Which pictures a model is shown, by their references, and what they count as."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.events.message import Attachment, Forward, MessageEdited, MessageReceived
from projections.prompt import tokens
from projections.prompt.section import Chosen
from projections.prompt.sections import pictures
from worker.senses.pictures import visible

NAMED = st.lists(st.sampled_from(["a.png", "b.png", "c.png"]), max_size=4)
TEXT = "<:wave:11> hi <a:nod:12> <:wave:11>"


def _files(names: list[str]) -> tuple[Attachment, ...]:
    return tuple(Attachment(kind="image", name=name) for name in names)


def _message(names: list[str], forwarded: list[str], text: str = TEXT) -> MessageReceived:
    forwards = (Forward(text="", attachments=_files(forwarded)),)
    said: dict[str, Any] = {"message_id": 1, "channel_id": 2, "author_id": 3, "venue": "discord", "text": text, "author_name": "Ann"}
    return MessageReceived(attachments=_files(names), forwards=forwards, **said)


def _edit(names: list[str], text: str) -> Any:
    said: dict[str, Any] = {"message_id": 1, "channel_id": 2, "author_id": 3, "venue": "discord", "edited_ms": 1}
    return SimpleNamespace(event=MessageEdited(text=text, attachments=_files(names), **said))


@given(NAMED, NAMED, NAMED, st.booleans())
def test_a_number_means_the_same_picture_after_an_edit_or_none(names: list[str], more: list[str], left: list[str], waves: bool) -> None:
    """Files of the message, of forwards, then emoji; what an edit took away is shown no more, what moved is not mistaken."""
    message = _message(names, more)
    whole = [*(("image", name) for name in (*names, *more)), ("emoji", ":wave:"), ("emoji", ":nod:")]
    assert [pictures._named(message, None, number) for number in range(len(whole) + 1)] == [*whole, None]
    later = _edit(left, TEXT if waves else "hi <a:nod:12>")
    for number, (kind, name) in enumerate(whole):
        found = pictures._named(message, later, number)
        gone = (number < len(names) and left[number : number + 1] != [name]) or (name == ":wave:" and not waves)
        assert found == (None if gone else (kind, name))


@given(st.text(max_size=60))
def test_any_text_has_few_emoji_each_once(text: str) -> None:
    found = pictures.emoji(text * 3 + "".join(f"<:e{n}:{n}>" for n in range(9)))
    assert len(found) == len({which for _, which in found}) == pictures.MOST_EMOJI


@given(st.integers(1, 1024), st.integers(1, 1024), st.integers(1, 1024))
def test_a_larger_picture_counts_no_less(width: int, height: int, more: int) -> None:
    """And none of those that are kept counts more than 1,500 tokens."""
    small, large = tokens.of_picture(width, height), tokens.of_picture(width, max(height, more))
    assert 258 <= small <= large < 1500


def test_what_a_model_cannot_see_is_named_by_its_place_alone() -> None:
    """No address, which would say what it is."""
    left = pictures.unseen(Chosen(("5~7#0=abc", "5~7#1=def")))
    assert (left.refs, [(part.what, part.why) for part in left.dropped]) == ((), [("picture:5~7#0", "model"), ("picture:5~7#1", "model")])


@pytest.mark.parametrize("ref", ["", "5", "5#0", "5#0=", "x#0=a", "5#0=a/b", "5~#0=a"])
def test_a_reference_of_another_form_is_refused(ref: str) -> None:
    with pytest.raises(LookupError):
        pictures._parsed(ref)


@pytest.mark.parametrize(
    ("media_type", "seen"), [("image/png", True), ("image/apng", True), ("image/gif", True), ("application/json", False)]
)
def test_stickers_are_pictures_but_for_lottie(media_type: str, seen: bool) -> None:
    """A Lottie sticker is a program; it is told by its name."""
    sticker = Attachment(kind="sticker", name="dance", url="https://cdn.discordapp.com/stickers/1.png", media_type=media_type)
    assert visible([sticker], "https://discord.com/api/v10") == ([0] if seen else [])
