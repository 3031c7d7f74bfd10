"""What is new: the changelog read as releases."""

from hypothesis import given
from hypothesis import strategies as st

from bot import releases

TEXT = """# Changelog

## Unreleased

- **Faces.** They are
  round.
- plain words

## 1.2.0 - 2026-01-02

- One.
"""


def test_a_changelog_is_read_as_releases_with_their_notes() -> None:
    newest, older = releases.parsed(TEXT)
    assert (newest.version, newest.titles) == ("Unreleased", ("Faces", "plain words"))
    assert newest.notes[0] == "**Faces.** They are round."
    assert (older.version, older.day, older.titles) == ("1.2.0", "2026-01-02", ("One",))
    assert releases.parsed("") == []


def test_the_program_knows_its_own_changelog() -> None:
    assert any(len(title) > 10 for release in releases.known() for title in release.titles)


@given(st.text(max_size=300))
def test_whatever_stands_in_a_changelog_is_read(text: str) -> None:
    for release in releases.parsed(text):
        assert len(release.titles) == len(release.notes)
