"""Settings: the environment wins, mistakes are named, values of secrets are not."""

from pathlib import Path

import pytest

from engine import config
from engine.errors import SettingsError


def _env(tmp_path: Path, text: str) -> Path:
    path = tmp_path / ".env"
    path.write_text(text)
    return path


def test_values_come_from_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A newcomer edits .env and nothing else."""
    monkeypatch.delenv("OWNER_IDS", raising=False)
    loaded = config.load(_env(tmp_path, "OWNER_IDS=12, 34\nCONSOLE_PORT=9000\n"))
    assert loaded.owner_ids == (12, 34)
    assert loaded.console_port == 9000


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a container can override a file that came with it."""
    monkeypatch.setenv("CONSOLE_PORT", "9001")
    assert config.load(_env(tmp_path, "CONSOLE_PORT=9000\n")).console_port == 9001


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("CONSOLE_PORT=many", "CONSOLE_PORT"),
        ("MASTER_KEY=secret-canary", "MASTER_KEY"),
        ("OWNER_IDS=me", "OWNER_IDS"),
        ("WORKER_CONCURRENCY=0", "WORKER_CONCURRENCY"),
        ("BOT_MENTION_CHAR=", ""),
    ],
)
def test_a_broken_line_is_named_and_its_value_is_not(tmp_path: Path, line: str, name: str) -> None:
    """One sentence that says which variable to correct; secrets stay secret. An empty value counts as unset."""
    path = _env(tmp_path, line + "\n")
    if not name:
        assert config.load(path).bot_mention_char == "@"
        return
    with pytest.raises(SettingsError, match=name) as caught:
        config.load(path)
    assert "canary" not in str(caught.value)


def test_a_file_that_is_no_text_is_one_sentence(tmp_path: Path) -> None:
    """Somebody saved it as UTF-16."""
    path = tmp_path / ".env"
    path.write_bytes("CONSOLE_PORT=1\n".encode("utf-16"))
    with pytest.raises(SettingsError, match="UTF-8"):
        config.load(path)


def test_no_secret_is_shown_when_settings_are_printed(tmp_path: Path) -> None:
    """Settings end up in tracebacks; tokens must not."""
    loaded = config.load(_env(tmp_path, "DISCORD_TOKEN=canary-token\nPROVIDER_API_KEY=canary-key\n"))
    assert "canary" not in repr(loaded)


def test_what_a_process_needs_and_has_not_is_said() -> None:
    """`python -m worker` alone explains itself."""
    bare = config.Settings(_env_file=None, database_url=None, nats_url=None)
    with pytest.raises(SettingsError, match="tzurot run"):
        config.require_database(bare)
    with pytest.raises(SettingsError, match="tzurot run"):
        config.require_nats(bare)
