"""Which children there are, and what each is told."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cli.supervisor.plan import SECRETS, STANDIN, Wiring, environment, plan
from engine import config
from engine.config import Settings
from engine.process import LIFE_FD, READY_FD, STANDIN_ON

WIRING = Wiring(Path("/data"), "postgresql://here", "nats://here", 8420)
BARE = Settings(_env_file=None)
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
def test_children_get_our_addresses_and_what_any_program_needs(base: dict[str, str]) -> None:
    """Of a person's environment no more: neither the pipes of an outer supervisor nor a stranger's key."""
    found = environment(base | {"AWS_SECRET_ACCESS_KEY": "x"}, WIRING, BARE, "worker")
    assert found["DATABASE_URL"] == "postgresql://here"
    assert found["NATS_URL"] == "nats://here"
    assert found["TZUROT_DATA"] == "/data"
    assert found["CONSOLE_PORT"] == "8420"
    assert not {READY_FD, LIFE_FD, "AWS_SECRET_ACCESS_KEY", "DISCORD_TOKEN"} & set(found)
    assert found.get("PATH", "") == base.get("PATH", "")


def test_a_child_gets_the_secrets_it_uses_and_no_others() -> None:
    """What came from .env reaches it too, as it reads none itself."""
    everything = dict.fromkeys(SECRETS, "0" * 64)
    settings = Settings.model_validate(everything | {"worker_concurrency": 3, "owner_ids": "1,2"})
    for child in ("projections", "worker", "console", "bot", STANDIN):
        found = environment({}, WIRING, settings, child)
        assert {name for name in SECRETS if name.upper() in found} == {name for name, users in SECRETS.items() if child in users}
        assert found[config.NO_ENV_FILE] == "1"
        assert (found["WORKER_CONCURRENCY"], found["OWNER_IDS"]) == ("3", "1,2")
    assert "DATABASE_URL" not in environment({}, WIRING, settings, STANDIN)


def test_the_stand_in_is_told_of_no_server() -> None:
    """Nor of how many there are, which without their addresses it would refuse."""
    several = Settings.model_validate({"nats_url": "a,b,c", "nats_replicas": 3, "database_read_url": "postgresql://h/x"})
    found = {name.lower(): value for name, value in environment({}, WIRING, several, STANDIN).items()}
    assert not {"nats_replicas", "nats_url", "database_url", "database_read_url"} & set(found)


def test_every_secret_has_its_users() -> None:
    """A new one must say who needs it."""
    assert set(SECRETS) == {name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)}


def test_a_stand_in_s_address_is_the_provider() -> None:
    """Only then is the variable set."""
    assert "PROVIDER_BASE_URL" not in environment({}, WIRING, BARE, "worker")
    found = environment({}, replace(WIRING, provider="http://x/v1", answers="a small model"), BARE, "console")
    assert (found["PROVIDER_BASE_URL"], found[STANDIN_ON]) == ("http://x/v1", "a small model")
