"""The worker's commands as a person runs them, on a database in which something has happened."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest

from engine import seed
from engine.config import Settings
from engine.events.turn import TurnFailed
from tests.support import forks
from tests.support.provider.room import room, with_provider
from tests.support.provider.server import FaultServer, Reply, Status

CHARACTER = seed.samples()[0].character_id


async def tzurot(settings: Settings, *arguments: str, text: str = "") -> tuple[int, Any, str]:
    """Exit code, what was printed as JSON, and standard error."""
    assert settings.database_url is not None
    environment = {
        **{name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR"}},
        "DATABASE_URL": settings.database_url,
        "TZUROT_DATA": str(settings.tzurot_data),
        "MASTER_KEY": "00" * 32,
        "PROVIDER_BASE_URL": settings.provider_base_url or "",
    }
    done = await forks.command(*arguments, "--json", environment=environment, text=text)
    return done.code, json.loads(done.out) if done.out.strip() else None, done.errors


@pytest.fixture
async def after_two_turns(settings: Settings) -> AsyncIterator[tuple[Settings, TurnFailed]]:
    """A reply, then a failure that is known by its reference; nothing runs any more."""
    async with FaultServer.running(
        Reply("A good reply, this is."), Status(402, "Insufficient credits, see https://pay.example/?u=1")
    ) as provider:
        provider.models = [{"id": "a/b:free", "pricing": {"prompt": "0", "completion": "0"}, "context_length": 4096}]
        found = with_provider(settings, provider.address)
        async with room(found) as person:
            [good] = await person.say("First, a question", CHARACTER)
            await person.end(good)
            [bad] = await person.say("Then another one", CHARACTER)
            failed = await person.end(bad)
            assert isinstance(failed, TurnFailed)
        yield found, failed


async def test_a_failure_is_found_by_its_reference_with_everything_an_owner_needs(after_two_turns: tuple[Settings, TurnFailed]) -> None:
    settings, failed = after_two_turns
    code, shown, _ = await tzurot(settings, "turn", "show", failed.reference, "--prompt")
    assert code == 0
    assert shown["end"]["category"] == "quota_exceeded"
    assert "pay.example" in shown["end"]["technical_details"]
    assert "pay.example" not in shown["end"]["said"]
    assert [step["type"] for step in shown["steps"]] == ["turn.requested", "turn.generation_started", "turn.failed"]
    assert shown["prompts"][0]["equal"]
    assert "Then another one" in shown["prompts"][0]["messages"][-1]["content"]
    code, shown, _ = await tzurot(settings, "turn", "show", "zzzzzzzzzz")
    assert (code, "Nothing is known" in shown["error"]) == (1, True)


async def test_quota_usage_models_and_keys_can_be_looked_at_and_changed(after_two_turns: tuple[Settings, TurnFailed]) -> None:
    settings, _ = after_two_turns
    (_, quota, _), (_, usage, _), (_, refreshed, _), (code, stored, err) = await asyncio.gather(
        tzurot(settings, "quota", "show"),
        tzurot(settings, "usage", "show", "--by", "user"),
        tzurot(settings, "model", "refresh"),
        tzurot(settings, "keys", "set", "--user", "5", text="sk-canary-key-123456\n"),
    )
    assert [(blocked["scope"], blocked["category"]) for blocked in quota["blocked"]] == [("keyless", "quota_exceeded")]
    assert [(line["calls"], line["failed"]) for line in usage] == [(2, 1)]
    assert refreshed == {"models": 1}
    assert (code, stored["provider"]) == (0, "local")
    assert "canary" not in json.dumps(stored) + err
    (_, offers, _), (overridden, _, _), (_, accepted, _) = await asyncio.gather(
        tzurot(settings, "model", "browse", "b free"),
        tzurot(settings, "model", "override", "a/b:free", "--context-tokens", "9000"),
        tzurot(settings, "keys", "test", "--user", "5", "--provider", "local"),
    )
    assert [offer["model"] for offer in offers] == ["a/b:free"]
    assert overridden == 0
    assert accepted == {"accepted": True, "category": None}
    (_, model, _), (_, keys, _) = await asyncio.gather(tzurot(settings, "model", "view", "a/b:free"), tzurot(settings, "keys", "browse"))
    assert (model["context_tokens"], model["source"]["context_tokens"], model["source"]["price_in"]) == (9000, "override", "catalogue")
    assert [(key["last4"], key["accepted"]) for key in keys] == [("3456", True)]
    _, removed, _ = await tzurot(settings, "keys", "remove", "--user", "5", "--provider", "local", "--yes")
    assert removed["deleted"]
    assert (await tzurot(settings, "keys", "browse"))[1] == []


ADVICE = {
    "quota budget system": "--none",
    "quota budget system 3 --none": "--none",
    "quota budget user:bob 3": "Discord id",
    "quota budget key:mine 3": "key's id",
    "quota limits": "Name a limit",
    "model override a/b": "Name what holds",
}


async def test_a_command_that_names_nothing_changes_nothing(settings: Settings) -> None:
    """Looking at a budget must not take it away."""
    ended = await asyncio.gather(*(tzurot(settings, *arguments.split()) for arguments in ADVICE))
    for (arguments, advice), (code, shown, _) in zip(ADVICE.items(), ended, strict=True):
        assert code == 1, arguments
        assert advice in shown["error"], arguments
