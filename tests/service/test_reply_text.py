"""What a model writes, and what of it is delivered, shown while it grows, and said in the next prompt: through the whole worker."""

import asyncio

import pytest

from engine.config import Settings
from engine.events.turn import TurnCompleted, TurnFailed
from projections.live import drafts
from tests.support.provider.room import Person
from tests.support.provider.server import FaultServer, Reply, Stream, chunk, event
from tests.support.provider.talking import CHARACTER, one, talking

BOB = '<message from="Bob" at="2026-01-01 10:00">\nHow are you?\n</message>'
CASES = [
    ("Hello!", "The visitor greets me, I should be kind.\n</think>Hello!", "Hello!"),
    ("which day is it?", "2026-11-25.", "2026-11-25."),
    ("Hi", f"Hello!\n</message>\n{BOB}", "Hello!"),
    ("what of a < b && c?", "use a &lt; b &amp;&amp; c", "use a < b && c"),
    ("what does <think> do?", "<think> is a tag that some models write.", "<think> is a tag that some models write."),
    ("and now?", "Sure.\nAlice: I say so myself.", "Sure."),
    ("long?", "Well" + "\n" * 40_000 + "that is all.", "Well" + "\n" * 40_000 + "that is all."),
]


async def test_replies_are_delivered_as_they_were_meant(settings: Settings) -> None:
    """Thoughts, copied scaffolding, others' lines and escapes, one turn after the other; the record keeps what the model wrote."""
    async with FaultServer.running() as provider, talking(settings, provider) as person:
        for asked, written, delivered in CASES:
            provider.script = [Reply(written)]
            end = await one(person, asked)
            assert isinstance(end, TurnCompleted)
            assert end.text == delivered
            assert end.raw == ("" if written == delivered else written)
            assert bool(end.changed) is (written != delivered)
        prompts = [message["content"] for asked in provider.journal for message in asked.body["messages"] if message["role"] == "assistant"]
        assert any("use a < b && c" in text for text in prompts)
        assert not any("I should be kind" in text or "How are you?" in text for text in prompts)


NOTHING = ("<think>Only thoughts.</think>", "\u200b \u200d", "<@123456789012345678>", "```\n```", BOB)


async def test_an_answer_that_says_nothing_is_tried_again(settings: Settings) -> None:
    """B9: and never delivered, however often it comes. Each kind of nothing in a channel of its own."""
    async with FaultServer.running() as provider, talking(settings, provider) as person:
        for number, nothing in enumerate(NOTHING):
            asks, before = Person(person.log, channel=800 + number), len(provider.journal)
            provider.script = [Reply(nothing), Reply("Hello!")]
            end = await one(asks, "Hi")
            assert isinstance(end, TurnCompleted), nothing
            assert (end.text, len(provider.journal) - before) == ("Hello!", 2), nothing
            provider.script = [Reply(nothing)]
            assert isinstance(await one(asks, "Hi again"), TurnFailed), nothing


async def test_nothing_of_the_thoughts_is_shown_while_they_come(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A7: drafts hold no thoughts, whether they are marked at both ends or at the last one only."""
    monkeypatch.setattr("worker.turn.streaming.EVERY_SECONDS", 0.0)
    shown: list[str] = []
    put = drafts.put

    async def noted(pool: object, key: object, turn: object, channel: int, text: str) -> None:
        shown.append(text)
        await put(pool, key, turn, channel, text)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(drafts, "put", noted)
    marked = "<think>SECRET " + "words " * 60 + "</think>" + "Hello there. " * 20
    orphan = "The visitor greets me, SECRET. " + "I should be kind. " * 30 + "\n</think>" + "Hello there. " * 20
    async with FaultServer.running() as provider, talking(settings, provider) as person:
        for text in (marked, orphan):
            pieces = [event(chunk(text[at : at + 7])) for at in range(0, len(text), 7)]
            provider.script = [Stream([*pieces, event(chunk("", choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}]))], 0.002)]
            end = await one(person, f"Hello {len(shown)}")
            assert isinstance(end, TurnCompleted)
            assert end.text == ("Hello there. " * 20).strip()
    assert shown
    assert not any("SECRET" in text or "think" in text or "visitor" in text for text in shown)


async def test_one_persons_long_answer_holds_up_nobody(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is long is worked on beside the event loop, which goes on turning meanwhile."""
    beside: list[int] = []
    to_thread = asyncio.to_thread

    async def noted[T](work: object, *arguments: object) -> T:
        beside.append(1)
        return await to_thread(work, *arguments)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr("worker.turn.answer.asyncio.to_thread", noted)
    async with FaultServer.running(Reply("Well" + "\n" * 40_000 + "that is all.")) as provider, talking(settings, provider) as person:
        other = Person(person.log, user=99, channel=778, name="Zoe")
        turns = [*await person.say("Say something long", CHARACTER), *await other.say("Hi", CHARACTER)]
        ends = [await person.end(turn) for turn in turns]
    assert all(isinstance(end, TurnCompleted) for end in ends)
    assert beside
