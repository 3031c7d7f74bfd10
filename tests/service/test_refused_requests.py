"""A provider that refuses something of a request: it is left out, asked again once, remembered, and on the record."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from pydantic import JsonValue, SecretStr

from engine import ids, seed
from engine.actor import SYSTEM
from engine.config import Settings
from engine.decide.spending import model_quirk
from engine.decide.spending.turn_model import Quirks
from engine.events.model import ModelQuirksNoted
from engine.events.preset import Parameters
from engine.events.turn import GenerationStarted, TurnCompleted, TurnFailed
from engine.execute import execute
from engine.store import Query
from projections.follow import runner
from projections.models.model_quirks import noted
from projections.prompt.rebuild import rebuild
from tests.support.provider.room import Person, reading, room, with_provider
from tests.support.provider.server import Behaviour, FaultServer, ProviderRequest, Reply, Status
from worker.__main__ import working
from worker.jobs.running import RunningJob

CHARACTER = seed.samples()[0].character_id
STRICT = "Conversation roles must alternate user/assistant/user/assistant/..."


def _no_temperature(asked: ProviderRequest) -> Behaviour:
    if "temperature" not in asked.body:
        return Reply("Hello there.")
    message = "Unsupported value: 'temperature' does not support 0.7 with this model. Only the default (1) value is supported."
    return Status(400, message, extra={"error": {"message": message, "param": "temperature", "code": "unsupported_value"}})


def _strict(asked: ProviderRequest) -> Behaviour:
    roles = [message["role"] for message in asked.body["messages"]]
    twice = any(one == other for one, other in pairwise(roles))
    return Status(400, STRICT) if twice else Reply("Hello both.")


def _no_system(asked: ProviderRequest) -> Behaviour:
    return Status(400, "System role not supported") if asked.body["messages"][0]["role"] == "system" else Reply()


async def _started(person: Person, turn: Any) -> list[GenerationStarted]:
    return [found.event for found in await person.events(turn) if isinstance(found.event, GenerationStarted)]


async def test_a_refused_parameter_is_left_out_asked_again_once_and_remembered(settings: Settings) -> None:
    """The next turn does not send it any more; what was left out and why stands on each call's record; a command forgets it."""
    async with FaultServer.running() as provider:
        provider.decide = _no_temperature
        async with room(with_provider(settings, provider.address, default_model="vendor/picky")) as person:
            await person.preset("vendor/picky", temperature=0.7)
            [first] = await person.say("Hello", CHARACTER)
            end = await person.end(first)
            assert isinstance(end, TurnCompleted)
            assert [call.category for call in end.calls] == ["bad_request", None]
            assert [event.left_out for event in await _started(person, first)] == [(), ("temperature: vendor/picky rejects it (learned)",)]
            [second] = await person.say("And again", CHARACTER)
            assert isinstance(await person.end(second), TurnCompleted)
            assert len(provider.journal) == 3
            learned = [e.event async for e in person.log.read(Query(types=frozenset({"model.quirks_noted"})))]
            assert [(e.forbidden, e.learned) for e in learned if isinstance(e, ModelQuirksNoted)] == [(("temperature",), True)]
            await execute(person.log, SYSTEM, model_quirk.Forget("vendor/picky"), ids.random_id())
            await runner.wait_for(person.log.pool, ("models",), await person.log.head(), seconds=60)
            async with person.log.pool.connection() as connection:
                assert await noted(connection) == []


async def test_a_job_learns_what_a_model_refuses_as_turns_do(settings: Settings) -> None:
    """The call is made again without it, and the next one, of a turn or a job, does not send it."""
    async with FaultServer.running() as provider:
        provider.decide = _no_temperature
        own = with_provider(settings, provider.address, provider_api_key=SecretStr("sk-system-canary-000000000000"))
        async with reading(own) as log, working(own) as work:
            for number in range(2):
                job = RunningJob(work, ids.random_id(), "summary", f"number {number}", 1)
                asked: list[Mapping[str, JsonValue]] = [{"role": "user", "content": "Sum it up"}]
                found = await job.call("vendor/picky", asked, purpose="summary", parameters=Parameters(temperature=0.7))
                assert found.text == "Hello there."
                await runner.wait_for(log.pool, ("models",), await log.head(), seconds=60)
            assert ["temperature" in request.body for request in provider.journal] == [True, False, False]


async def test_two_people_in_a_row_are_joined_for_a_strict_template_and_the_prompt_is_built_again_equal(settings: Settings) -> None:
    """The form is learned from the refusal; live bytes are the rebuilt ones before and after."""
    async with FaultServer.running() as provider:
        provider.decide = _strict
        async with room(with_provider(settings, provider.address, default_model="vendor/strict")) as person:
            await person.say("I was here first.")
            other = Person(person.log, user=77, channel=person.channel, name="Bob")
            for words, calls in (("Hello you two", 2), ("And once more", 1)):
                [turn] = await other.say(words, CHARACTER)
                end = await other.end(turn)
                assert isinstance(end, TurnCompleted)
                assert (end.text, len(end.calls)) == ("Hello both.", calls)
                started = await _started(other, turn)
                assert started[-1].message_forms == ("alternate",)
                assert all([(await rebuild(person.log, event)).equal for event in started])
                await other.say("Just saying.")
            sent = [message["content"] for message in provider.journal[1].body["messages"] if message["role"] == "user"]
            assert "I was here first." in sent[0]
            assert "Hello you two" in sent[0]


async def test_a_form_can_be_set_before_anything_was_refused(settings: Settings) -> None:
    """By an operator, until it is forgotten."""
    async with FaultServer.running() as provider:
        provider.decide = lambda asked: (
            Status(400, "System role not supported") if asked.body["messages"][0]["role"] == "system" else Reply()
        )
        async with room(with_provider(settings, provider.address, default_model="vendor/plain")) as person:
            await execute(
                person.log, SYSTEM, model_quirk.Note("vendor/plain", Quirks(messages=("no_system", "alternate"))), ids.random_id()
            )
            [turn] = await person.say("Hello", CHARACTER)
            end = await person.end(turn)
            assert isinstance(end, TurnCompleted)
            assert len(end.calls) == 1


async def test_a_refusal_that_does_not_go_away_ends_the_turn(settings: Settings) -> None:
    """Asked again once for what it names, and not for ever."""
    async with FaultServer.running() as provider, room(with_provider(settings, provider.address, default_model="vendor/never")) as person:
        provider.script = [Status(400, "'temperature' is not supported")]
        await person.preset("vendor/never", temperature=0.7)
        [turn] = await person.say("Hello", CHARACTER)
        end = await person.end(turn)
        assert isinstance(end, TurnFailed)
        assert (end.category, len(end.calls)) == ("bad_request", 2)
