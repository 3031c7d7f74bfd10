"""Which children there are, and what each is told."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cli.supervisor.plan import environment, plan
from engine.config import Settings
from engine.process import LIFE_FD, READY_FD

NAMES = st.dictionaries(st.sampled_from(["PATH", "DISCORD_TOKEN", "DATABASE_URL", "NATS_URL", READY_FD, LIFE_FD]), st.text(max_size=9))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [({}, True), ({"provider_api_key": "k"}, False), ({"provider_base_url": "http://127.0.0.1:1/v1"}, False)],
)
def test_the_stand_in_comes_along_when_no_provider_is_configured(
    settings: dict[str, str], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And stays away as soon as one is."""
    for name in ("PROVIDER_API_KEY", "PROVIDER_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    assert (plan(Settings.model_validate(settings)).standin is not None) is expected


@given(NAMES)
def test_children_get_the_persons_environment_and_our_addresses(base: dict[str, str]) -> None:
    """Ours win; the pipes of an outer supervisor are not passed on as if they were theirs."""
    found = environment(base, Path("/data"), dsn="postgresql://here", nats_url="nats://here", port=8420, provider=None)
    assert found["DATABASE_URL"] == "postgresql://here"
    assert found["NATS_URL"] == "nats://here"
    assert found["TZUROT_DATA"] == "/data"
    assert found["CONSOLE_PORT"] == "8420"
    assert not {READY_FD, LIFE_FD} & set(found)
    for name in ("PATH", "DISCORD_TOKEN"):
        assert found.get(name) == base.get(name)


def test_a_stand_in_s_address_is_the_provider() -> None:
    """Only then is the variable set."""
    assert "PROVIDER_BASE_URL" not in environment({}, Path("/d"), dsn="", nats_url="", port=1, provider=None)
    assert environment({}, Path("/d"), dsn="", nats_url="", port=1, provider="http://x/v1")["PROVIDER_BASE_URL"] == "http://x/v1"
