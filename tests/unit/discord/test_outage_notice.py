"""The busy notice: one per channel and minute, and it does not outlive its reason."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from bot.discord import outage_notice
from bot.discord.outage_notice import OutageNotice
from bot.discord.rest import Rest, Unsure
from engine import clock
from engine.events.message import MessageReceived


class Calls(Rest):
    """A Discord that notes what it is asked for."""

    def __init__(self, *, fails: bool = False) -> None:
        self.made: list[str] = []
        self.fails = fails

    async def call(
        self, method: str, path: str, body: Any = None, query: Mapping[str, str] | None = None, *, auth: bool = True, file: object = None
    ) -> Any:
        self.made.append(f"{method} {path}")
        if self.fails:
            raise Unsure(path, "away")
        return {"id": "99"}


def message(number: int, channel: int = 7) -> MessageReceived:
    return MessageReceived(message_id=number, channel_id=channel, author_id=5, venue="discord", text="hello", author_name="Ann")


async def _turns_of_the_loop() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_channel_is_told_once_however_much_is_held_there() -> None:
    """And every channel by itself; the notices go as soon as one of its messages is stored."""
    rest = Calls()
    notices = OutageNotice(rest, lambda _: True)
    for number in range(1, 6):
        notices.held(message(number))
    notices.held(message(6, channel=8))
    await _turns_of_the_loop()
    assert rest.made == ["POST /channels/7/messages", "POST /channels/8/messages"]
    notices.stored(7)
    await _turns_of_the_loop()
    assert rest.made[2:] == ["DELETE /channels/7/messages/99"]
    await notices.close()
    assert rest.made[3:] == ["DELETE /channels/8/messages/99"], "the next bot to lead would know nothing of it"


async def test_a_second_trouble_within_the_minute_is_silent_and_a_later_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once in EVERY_S."""
    rest, now = Calls(), 1000.0
    monkeypatch.setattr(clock, "monotonic", lambda: now)
    notices = OutageNotice(rest, lambda _: True)
    for at, expected in ((1000.0, 1), (1000.0 + outage_notice.EVERY_S - 1, 1), (1000.0 + outage_notice.EVERY_S + 1, 2)):
        now = at
        notices.held(message(int(at)))
        await _turns_of_the_loop()
        notices.stored(7)
        await _turns_of_the_loop()
        assert rest.made.count("POST /channels/7/messages") == expected
    await notices.close()


async def test_what_is_not_meant_for_us_is_held_in_silence() -> None:
    """Nobody waits for an answer to it."""
    rest = Calls()
    notices = OutageNotice(rest, lambda held: held.message_id == 2)
    notices.held(message(1))
    await _turns_of_the_loop()
    assert rest.made == []
    notices.held(message(2))
    await _turns_of_the_loop()
    assert rest.made == ["POST /channels/7/messages"]
    await notices.close()


async def test_a_discord_that_does_not_answer_ends_the_notice_quietly() -> None:
    """Nothing is taken away that was never there, and the next minute may try again."""
    rest = Calls(fails=True)
    notices = OutageNotice(rest, lambda _: True)
    notices.held(message(1))
    await _turns_of_the_loop()
    notices.stored(7)
    await _turns_of_the_loop()
    assert rest.made == ["POST /channels/7/messages"]
