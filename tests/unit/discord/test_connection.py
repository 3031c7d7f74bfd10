"""Which failures a person must mend, and which only time."""

import asyncio
from typing import Any

import aiohttp
import nextcord
import pytest

from bot.discord.answers import Interaction
from bot.discord.client import Client
from bot.discord.connection import INTENT_SENTENCE, TOKEN_SENTENCE, NotLetIn, stay_connected, verdict
from engine.process import NEEDS_A_PERSON, exit_code


class Socket:
    """What nextcord reads a close code from."""

    close_code = None


def closed(code: int) -> nextcord.ConnectionClosed:
    return nextcord.ConnectionClosed(Socket(), shard_id=None, code=code)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (nextcord.LoginFailure("no"), TOKEN_SENTENCE),
        (closed(4004), TOKEN_SENTENCE),
        (closed(4014), INTENT_SENTENCE),
        (nextcord.PrivilegedIntentsRequired(None), INTENT_SENTENCE),
        (closed(4000), None),
        (AttributeError("sequence"), None),
        (aiohttp.ClientError(), None),
    ],
)
def test_one_sentence_where_no_retry_can_help(error: Exception, sentence: str | None) -> None:
    """Token and intents are for a person; everything else is tried again."""
    found = verdict(error)
    assert (str(found) if found else None) == sentence
    if found is not None:
        assert exit_code(found) == NEEDS_A_PERSON


class Failing:
    """A client whose start fails in a given order."""

    def __init__(self, errors: list[Exception]) -> None:
        self._errors = errors

    async def start(self, token: str) -> None:
        raise self._errors.pop(0)

    async def close(self) -> None: ...


async def test_a_failed_connect_is_tried_again_until_discord_says_never(monkeypatch: pytest.MonkeyPatch) -> None:
    """nextcord leaves a failed first connect with an AttributeError: the pauses grow, and a refusal ends it."""
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr("bot.discord.connection.asyncio.sleep", pause)
    errors: list[Exception] = [AttributeError("'NoneType' has no attribute 'sequence'")] * 8 + [nextcord.LoginFailure("no")]

    def make() -> Any:
        return Failing(errors)

    with pytest.raises(NotLetIn):
        await stay_connected("token", make)
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]


async def test_an_event_that_breaks_the_parser_is_counted_and_the_rest_goes_on() -> None:
    """Ours and nextcord's parsers are both guarded, and ours comes first."""
    seen: list[object] = []

    async def up(_: Client) -> None: ...

    async def press(_: Interaction) -> None: ...

    def ours(payload: dict[str, Any]) -> None:
        seen.append(payload["id"])

    client = Client({"MESSAGE_CREATE": ours, "SOMETHING_NEW": ours}, up, press)
    client._connection.parsers["MESSAGE_CREATE"]({"id": "1", "channel_id": "nonsense"})
    client._connection.parsers["SOMETHING_NEW"]({"id": "2"})
    client._connection.parsers["SOMETHING_NEW"]({})
    assert seen == ["1", "2"]
    assert client.dropped == {"MESSAGE_CREATE": 1, "SOMETHING_NEW": 1}
    await client.close()
    await asyncio.sleep(0)
