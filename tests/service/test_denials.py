"""Who is denied is not answered, and what they said is shown to no model (H1), on real Postgres and NATS."""

from uuid import uuid4

from engine import seed
from engine.actor import operator
from engine.config import Settings
from engine.decide.speaking.denial import Allow, Deny
from engine.events.access import Mode, Scope
from engine.execute import execute
from tests.support.provider.room import Person, room, with_provider
from tests.support.provider.server import FaultServer, Reply

LILITH = seed.samples()[0].character_id


async def test_what_a_blocked_person_said_is_in_no_prompt(settings: Settings) -> None:
    """A muted person's words stay, and so do those of somebody blocked elsewhere."""
    async with FaultServer.running() as provider:
        provider.decide = lambda asked: Reply(f"Answer {asked.call}.")
        async with room(with_provider(settings, provider.address)) as host:

            async def seen(channel: int, scope: Scope, target: str, mode: Mode) -> bool:
                """Whether the model reads what Bob said in a channel, while he is denied somewhere."""
                bob = Person(host.log, user=2, guild=1, channel=channel, venue="discord")
                ann = Person(host.log, user=1, guild=1, channel=channel, venue="discord")
                await bob.say("the word is plimsoll")
                await execute(host.log, operator(), Deny(bob.user, scope, target, mode), uuid4(), see=["access"])
                [turn] = await ann.say("what is the word?", LILITH)
                await ann.end(turn)
                await execute(host.log, operator(), Allow(bob.user, scope, target), uuid4(), see=["access"])
                return "plimsoll" in str(provider.journal[-1].body)

            assert await seen(1, "bot", "", "mute")
            assert not await seen(2, "bot", "", "block")
            assert not await seen(3, "guild", "1", "block")
            assert not await seen(4, "channel", "4", "block")
            assert not await seen(5, "character", str(LILITH), "block")
            assert await seen(6, "guild", "2", "block")
            assert await seen(7, "channel", "5", "block")
