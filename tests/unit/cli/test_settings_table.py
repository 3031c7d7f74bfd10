"""The settings table is made from the code and stays the code's."""

from pathlib import Path

import pytest

from bot.cli import settings_table
from engine.config import Settings


def test_every_setting_is_in_the_table_with_a_meaning() -> None:
    """A setting that nobody explains is a setting that nobody uses."""
    rows = settings_table.rows()
    assert [row.name.lower() for row in rows] == list(Settings.model_fields)
    assert all(row.meaning.endswith(".") for row in rows)


def test_no_secret_has_a_default_that_is_shown() -> None:
    """Tokens, keys and passwords have no default, so the table can never show one."""
    secret = {row.name: row.default for row in settings_table.rows() if any(word in row.name for word in ("TOKEN", "KEY", "PASSWORD"))}
    assert secret
    assert set(secret.values()) == {""}


def test_the_table_in_a_file_is_renewed_and_the_rest_is_kept() -> None:
    """Renewing writes between the markers only, and renewing twice changes nothing more."""
    text = f"before\n{settings_table.BEGIN}\nstale line\n{settings_table.END}\nafter\n"
    renewed = settings_table.renewed(text)
    assert renewed.startswith("before\n")
    assert renewed.endswith("after\n")
    assert "stale line" not in renewed
    assert settings_table.renewed(renewed) == renewed


def test_a_file_without_markers_is_refused_with_what_to_do() -> None:
    """Nothing is appended by guess."""
    with pytest.raises(ValueError, match="put the line"):
        settings_table.renewed("no table here")


def test_the_readme_holds_the_table_of_this_code() -> None:
    """Whoever changes a setting renews the README."""
    readme = Path(__file__).parents[3] / "README.md"
    text = readme.read_text()
    assert settings_table.renewed(text) == text, "run: tzurot settings --write README.md"
