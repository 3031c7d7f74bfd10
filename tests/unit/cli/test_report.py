"""What the supervisor says: for a person on one line, for a program as one object, and to a reader who left nothing."""

import io
import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from bot.cli.supervisor.report import Kind, Notice, Patient, Report, as_text
from engine.outside.printed import printable
from tests.support.examples import examples

WORDS = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=20)
LINES = st.builds(
    Notice, st.sampled_from(get_args(Kind)), WORDS, WORDS, st.none() | st.floats(0, 1e4), st.none() | WORDS, st.none() | st.integers(1)
)


@examples(50)
@given(LINES)
def test_a_person_reads_one_line_with_everything_in_it(line: Notice) -> None:
    """Every kind of line has its mark, and no part of it is lost: what a terminal would not show stands there by its number."""
    text = as_text(line).plain
    assert "\n" not in text
    assert line.part in text
    assert printable(line.detail) in text
    assert printable(line.address or "") in text


@examples(60)
@given(LINES)
def test_a_program_reads_the_same_as_json(line: Notice) -> None:
    """What there is nothing to say about is left out."""
    with pytest.MonkeyPatch.context() as patch:
        out = io.StringIO()
        patch.setattr("sys.stdout", out)
        Report(as_json=True).say(line)
    said = json.loads(out.getvalue())
    assert Notice(**said) == line


def test_brackets_in_a_detail_are_not_taken_for_markup() -> None:
    """A path or an address in brackets is printed as it is."""
    out = io.StringIO()
    Report(console=Console(file=out, soft_wrap=True)).say(Notice("note", "console", "[bold]http://[::1]:8420"))
    assert "[bold]http://[::1]:8420" in out.getvalue()


def test_a_reader_who_left_does_not_stop_the_supervisor() -> None:
    """As when the output went into `head`, or the terminal was closed."""

    class Left(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    Report(console=Patient(file=Left())).say(Notice("stopping", "tzurot"))
