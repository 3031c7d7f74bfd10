"""What the read models say after events, on a real Postgres."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import pytest

from engine import ids
from engine.events import Event, Tags, user_subject
from engine.events.channel import CharacterActivated, CharacterDeactivated, ContextReset
from engine.events.character import CharacterCreated, CharacterDeleted, CharacterEdited, Description
from engine.events.message import MessageDeleted, MessageEdited, MessageReceived
from engine.events.preset import Parameters, PresetCreated, PresetEdited
from engine.events.reply import Chunk, ChunkDelivered, DeliveryFailed, DeliveryIntended, ReplyDelivered
from engine.events.turn import GenerationStarted, TurnCancelled, TurnCompleted, TurnFailed, TurnRequested, Usage
from engine.store import Log, NewEvent, open_log
from engine.vault import MasterKey
from projections.base import Projection
from projections.follow import runner
from projections.models import catalog, channels, deliveries, history, turns
from projections.models.history import Entry

MODELS: tuple[Projection, ...] = (history.HISTORY, catalog.CATALOG, channels.CHANNELS, turns.TURNS, deliveries.DELIVERIES)
USER, OTHER, CHANNEL, GUILD = 7, 8, 100, 50
EVER = 2**62


@dataclass
class World:
    """A log with the read models brought up to date after each append."""

    log: Log
    dsn: str
    done: int = 0
    character: UUID = field(default_factory=ids.random_id)

    async def say(self, *events: NewEvent) -> tuple[int, ...]:
        stored = await self.log.append(*events)
        await self.catch_up()
        return stored.positions

    async def catch_up(self) -> None:
        rows = [row async for row in self.log.rows()]
        async with self.log.pool.connection() as connection:
            for model in MODELS:
                after = await runner.install(connection, model)
                if new := [row for row in rows if row.position > after]:
                    await runner.apply(connection, model, new)

    async def history(self, **options: object) -> list[Entry]:
        async with self.log.pool.connection() as connection:
            return await history.recent(connection, self.log.vault, CHANNEL, **({"until": EVER} | options))  # type: ignore[arg-type]


@pytest.fixture
async def world(dsn: str) -> AsyncIterator[World]:
    async with open_log(dsn, MasterKey.of(b"k" * 32)) as log:
        yield World(log, dsn)


def _message(number: int, text: str = "hello", user: int = USER) -> NewEvent:
    event = MessageReceived(
        message_id=number, channel_id=CHANNEL, guild_id=GUILD, author_id=user, venue="discord", text=text, author_name="Bo"
    )
    tags = Tags(guild=GUILD, channel=CHANNEL, user=user)
    return NewEvent(event, f"message-{number}", ids.message_event(number, "received"), tags, (user_subject(user),))


def _of_turn(world: World, event: Event, key: UUID, turn: UUID) -> NewEvent:
    tags = Tags(guild=GUILD, channel=CHANNEL, user=USER, character=world.character, turn=turn)
    return NewEvent(event, f"turn-{turn}", key, tags, (user_subject(USER),))


def _ids(world: World, number: int, turn: UUID) -> dict[str, object]:
    return {
        "turn_id": turn,
        "message_id": number,
        "channel_id": CHANNEL,
        "guild_id": GUILD,
        "user_id": USER,
        "character_id": world.character,
        "venue": "discord",
    }


def _requested(world: World, number: int) -> NewEvent:
    turn = ids.turn(number, world.character)
    event = TurnRequested.model_validate(_ids(world, number, turn) | {"trigger": "name", "reason": "named"})
    return _of_turn(world, event, ids.derived("turn-requested", turn), turn)


def _completed(world: World, number: int, text: str = "hi there") -> NewEvent:
    turn = ids.turn(number, world.character)
    more = {"attempt": 1, "model": "m", "provider": "p", "finish_reason": "stop", "usage": Usage(prompt_tokens=3), "text": text}
    return _of_turn(world, TurnCompleted.model_validate(_ids(world, number, turn) | more), ids.terminal(turn), turn)


def _failed(world: World, number: int) -> NewEvent:
    turn = ids.turn(number, world.character)
    more = {"attempt": 1, "category": "timeout", "reference": "abc123defg", "user_message": "later", "technical_details": "x"}
    return _of_turn(world, TurnFailed.model_validate(_ids(world, number, turn) | more), ids.terminal(turn), turn)


def _chunk(world: World, number: int, index: int, total: int, message: int) -> NewEvent:
    turn = ids.turn(number, world.character)
    event = ChunkDelivered(turn_id=turn, channel_id=CHANNEL, venue="discord", index=index, total=total, message_id=message)
    return _of_turn(world, event, ids.derived("chunk", turn, index), turn)


async def test_history_gives_what_was_said_oldest_first(world: World) -> None:
    """Messages and replies of one channel, in the order of the log."""
    await world.say(_message(1, "first"), _requested(world, 1))
    await world.say(_completed(world, 1, "answer"))
    await world.say(_message(2, "second", OTHER))
    found = await world.history()
    assert [(entry.kind, entry.text, entry.author_id) for entry in found] == [
        ("message", "first", USER),
        ("reply", "answer", USER),
        ("message", "second", OTHER),
    ]
    assert found[0].author_name == "Bo"
    assert found[1].character == world.character


async def test_history_can_be_read_as_of_any_position(world: World) -> None:
    """A prompt of the past sees nothing of what came after."""
    (position,) = await world.say(_message(1))
    await world.say(_message(2))
    assert [entry.message_id for entry in await world.history(until=position)] == [1]
    assert [entry.message_id for entry in await world.history(limit=1)] == [2]


async def test_edits_and_deletes_change_what_a_prompt_sees(world: World) -> None:
    """The edited text replaces the old one; what was deleted is gone."""
    await world.say(_message(1, "old"), _message(2, "kept"))
    edit = MessageEdited(message_id=1, channel_id=CHANNEL, author_id=USER, venue="discord", edited_ms=5, text="new")
    await world.say(NewEvent(edit, "message-1", ids.message_event(1, "edited 5"), Tags(channel=CHANNEL, user=USER), (user_subject(USER),)))
    assert [(entry.text, entry.edited) for entry in await world.history()] == [("new", True), ("kept", False)]
    gone = MessageDeleted(message_id=1, channel_id=CHANNEL, venue="discord")
    await world.say(NewEvent(gone, "message-1", ids.message_event(1, "deleted"), Tags(channel=CHANNEL)))
    assert [entry.text for entry in await world.history()] == ["kept"]
    async with world.log.pool.connection() as connection:
        assert await history.is_gone(connection, 1)
        assert not await history.is_gone(connection, 2)


async def test_a_reply_is_found_by_any_of_its_chunks_for_ever(world: World) -> None:
    """Replying to any message of a character reaches it; deleting one chunk of two keeps the reply."""
    await world.say(_message(1), _requested(world, 1))
    await world.say(_completed(world, 1))
    await world.say(_chunk(world, 1, 0, 2, 901), _chunk(world, 1, 1, 2, 902))
    async with world.log.pool.connection() as connection:
        assert await history.speaker_of(connection, 901) == await history.speaker_of(connection, 902) == world.character
        assert await history.speaker_of(connection, 1) is None
        assert await history.messages_of(connection, ids.turn(1, world.character)) == [901, 902]
        found = await history.by_message(connection, world.log.vault, 902)
        assert found is not None
        assert found.text == "hi there"
    for message, left in ((901, 2), (902, 1)):
        gone = MessageDeleted(message_id=message, channel_id=CHANNEL, venue="discord")
        await world.say(NewEvent(gone, f"message-{message}", ids.message_event(message, "deleted"), Tags(channel=CHANNEL)))
        assert len(await world.history()) == left


async def test_a_reply_nobody_ever_saw_is_not_history(world: World) -> None:
    """When no chunk could be delivered the character does not remember having said it."""
    await world.say(_message(1), _requested(world, 1))
    await world.say(_completed(world, 1))
    turn = ids.turn(1, world.character)
    failed = DeliveryFailed(turn_id=turn, channel_id=CHANNEL, venue="discord", category="forbidden", reference="r", delivered=0)
    await world.say(_of_turn(world, failed, ids.derived("delivery-end", turn), turn))
    assert [entry.kind for entry in await world.history()] == ["message"]


async def test_a_reset_hides_what_was_before_it(world: World) -> None:
    """For one character or for all of them."""
    await world.say(_message(1))
    reset = ContextReset(channel_id=CHANNEL, venue="discord", character_id=world.character, by_user_id=USER)
    await world.say(NewEvent(reset, f"channel-{CHANNEL}", ids.random_id(), Tags(channel=CHANNEL, character=world.character)))
    await world.say(_message(2))
    assert [entry.message_id for entry in await world.history(character=world.character)] == [2]
    assert [entry.message_id for entry in await world.history(character=ids.random_id())] == [1, 2]


async def test_an_erased_persons_words_are_blank_everywhere(world: World) -> None:
    """Destroying the key is enough: no row has to be touched."""
    await world.say(_message(1, "canary"), _message(2, "other words", OTHER))
    await world.log.vault.destroy(user_subject(USER))
    assert [(entry.text, entry.erased) for entry in await world.history()] == [("[erased]", True), ("other words", False)]


async def test_messages_since_a_moment_only(world: World) -> None:
    """A character may have a maximum age of what it remembers of a channel; ages come from snowflakes."""
    old, new = ids.Snowflakes().next() - (10**6 << 22), ids.Snowflakes().next()
    await world.say(_message(old), _message(new))
    assert [entry.message_id for entry in await world.history(since=ids.snowflake_time(new))] == [new]
    assert len(await world.history(since=datetime(2020, 1, 1, tzinfo=UTC))) == 2


def _character(world: World, cls: type[Event], name: str, **more: object) -> NewEvent:
    fields = {"character_id": world.character, "owner_id": USER, "slug": "ada-test", "description": Description(name=name)} | more
    key = ids.random_id()
    return NewEvent(cls.model_validate(fields), f"character-{world.character}", key, Tags(character=world.character), (user_subject(USER),))


async def test_the_catalog_holds_characters_as_they_are_now(world: World) -> None:
    """Created, edited, deleted: found by id and by slug, and usable by whom it says."""
    await world.say(_character(world, CharacterCreated, "Ada", visibility="private"))
    async with world.log.pool.connection() as connection:
        ada = await catalog.character(connection, world.log.vault, world.character)
        assert ada is not None
        assert (ada.name, ada.usable_by(USER), ada.usable_by(OTHER)) == ("Ada", True, False)
    await world.say(_character(world, CharacterEdited, "Ada II", visibility="public", edited_by=USER))
    async with world.log.pool.connection() as connection:
        ada = await catalog.by_slug(connection, world.log.vault, "ada-test")
        assert ada is not None
        assert (ada.name, ada.usable_by(OTHER)) == ("Ada II", True)
    gone = CharacterDeleted(character_id=world.character, owner_id=USER, slug="ada-test", deleted_by=USER)
    await world.say(NewEvent(gone, f"character-{world.character}", ids.random_id(), Tags(character=world.character)))
    async with world.log.pool.connection() as connection:
        assert await catalog.characters(connection, world.log.vault) == []


async def test_the_newest_global_default_preset_counts(world: World) -> None:
    """Presets come back with every parameter they were given."""
    for number, temperature in enumerate((0.1, 0.9)):
        preset = ids.derived("preset", number)
        event = PresetCreated(
            preset_id=preset,
            owner_id=None,
            model="m/x",
            is_global=True,
            is_default=True,
            name="P",
            parameters=Parameters(temperature=temperature),
        )
        await world.say(NewEvent(event, f"preset-{preset}", ids.random_id(), subjects=("system",)))
    async with world.log.pool.connection() as connection:
        found = await catalog.default_preset(connection, world.log.vault)
        assert found is not None
        assert found.parameters.temperature == 0.9
        edited = PresetEdited(preset_id=found.id, owner_id=None, model="m/y", name="P", edited_by=USER)
    await world.say(NewEvent(edited, f"preset-{found.id}", ids.random_id(), subjects=("system",)))
    async with world.log.pool.connection() as connection:
        found = await catalog.default_preset(connection, world.log.vault)
        assert found is not None
        assert found.parameters.temperature == 0.1
        assert len(await catalog.presets(connection, world.log.vault)) == 2


async def test_activation_holds_until_it_is_taken_back(world: World) -> None:
    """Twice is once; the order is that of activation."""
    second = ids.random_id()
    for character in (world.character, second, world.character):
        on = CharacterActivated(channel_id=CHANNEL, venue="discord", character_id=character, by_user_id=USER)
        await world.say(NewEvent(on, f"channel-{CHANNEL}", ids.random_id(), Tags(channel=CHANNEL, character=character)))
    async with world.log.pool.connection() as connection:
        assert await channels.active_in(connection, CHANNEL) == [world.character, second]
        assert await channels.all_active(connection) == {CHANNEL: [world.character, second]}
    off = CharacterDeactivated(channel_id=CHANNEL, venue="discord", character_id=world.character, by_user_id=USER)
    await world.say(NewEvent(off, f"channel-{CHANNEL}", ids.random_id(), Tags(channel=CHANNEL, character=world.character)))
    async with world.log.pool.connection() as connection:
        assert await channels.active_in(connection, CHANNEL) == [second]


async def test_a_channel_knows_its_newest_message_and_whom_it_talks_with(world: World) -> None:
    """For catching up after downtime and for going on in a DM; a late, older message does not turn time back."""
    await world.say(_message(5), _requested(world, 5))
    await world.say(_message(3))
    async with world.log.pool.connection() as connection:
        (seen,) = await channels.seen(connection, venue="discord")
        assert (seen.channel, seen.last_message, seen.messages) == (CHANNEL, 5, 2)
        session = await channels.session(connection, CHANNEL)
        assert session is not None
        assert session.character == world.character
        assert [found.channel for found in await channels.sessions_of(connection, USER, venue="discord")] == [CHANNEL]
        assert await channels.sessions_of(connection, USER, venue="playground") == []


async def test_a_turn_is_pending_until_its_one_end(world: World) -> None:
    """Requested, started, ended: and what a worker must wait for."""
    await world.say(_message(1), _requested(world, 1))
    await world.say(_message(2), _requested(world, 2))
    async with world.log.pool.connection() as connection:
        first, second = await turns.pending(connection)
        assert not await turns.earlier_pending(connection, first)
        assert await turns.earlier_pending(connection, second)
        assert await turns.oldest_pending(connection) == first.position
    turn = ids.turn(1, world.character)
    started = GenerationStarted(
        turn_id=turn,
        attempt=1,
        character_id=world.character,
        model="m",
        provider="p",
        as_of=2,
        prompt_version=1,
        prompt_sha256="0" * 64,
        prompt_tokens=10,
    )
    await world.say(_of_turn(world, started, ids.derived("generation", turn, 1), turn))
    await world.say(_completed(world, 1))
    cancelled = TurnCancelled.model_validate(_ids(world, 2, ids.turn(2, world.character)) | {"why": "message deleted"})
    await world.say(_of_turn(world, cancelled, ids.terminal(cancelled.turn_id), cancelled.turn_id))
    async with world.log.pool.connection() as connection:
        assert await turns.pending(connection) == []
        found = await turns.get(connection, turn)
        assert found is not None
        assert (found.status, found.attempts, found.model) == ("completed", 1, "m")
        assert found.usage is not None
        assert found.usage["prompt_tokens"] == 3
        assert [each.status for each in await turns.recent(connection)] == ["cancelled", "completed"]
        assert [each.turn for each in await turns.by_message(connection, 1)] == [turn]


async def test_a_turn_has_one_end_whoever_says_it_first(world: World) -> None:
    """A late failure after a success is a repeat and changes nothing; the reference of a stored one is found."""
    await world.say(_message(1), _requested(world, 1))
    await world.say(_completed(world, 1))
    late = await world.log.append(_failed(world, 1))
    assert late.repeated
    await world.say(_message(2), _requested(world, 2))
    await world.say(_failed(world, 2))
    async with world.log.pool.connection() as connection:
        found = await turns.by_reference(connection, "abc123defg")
        assert found is not None
        assert (found.message_id, found.category) == (2, "timeout")


async def test_a_delivery_is_unfinished_until_all_of_it_was_seen(world: World) -> None:
    """Due, intended, chunk by chunk, delivered: a crash between any two leaves what is needed to go on."""
    await world.say(_message(1), _requested(world, 1))
    await world.say(_completed(world, 1))
    turn = ids.turn(1, world.character)

    async def state() -> tuple[str, dict[int, int]]:
        async with world.log.pool.connection() as connection:
            (found,) = await deliveries.unfinished(connection, venue="discord")
            return found.status, found.sent

    assert await state() == ("due", {})
    chunks = (Chunk(sha256="a" * 64, length=3), Chunk(sha256="b" * 64, length=4))
    intended = DeliveryIntended(
        turn_id=turn, channel_id=CHANNEL, venue="discord", kind="reply", after_message_id=1, webhook_id=9, chunks=chunks
    )
    await world.say(_of_turn(world, intended, ids.derived("delivery-intended", turn), turn))
    assert await state() == ("intended", {})
    await world.say(_chunk(world, 1, 0, 2, 901))
    assert await state() == ("intended", {0: 901})
    done = ReplyDelivered(
        turn_id=turn, channel_id=CHANNEL, user_id=USER, character_id=world.character, venue="discord", kind="reply", message_ids=(901, 902)
    )
    await world.say(_chunk(world, 1, 1, 2, 902), _of_turn(world, done, ids.derived("delivery-end", turn), turn))
    async with world.log.pool.connection() as connection:
        assert await deliveries.unfinished(connection, venue="discord") == []
        assert await deliveries.oldest_unfinished(connection) is None
        found = await deliveries.get(connection, turn)
        assert found is not None
        assert (found.status, found.sent, found.chunks) == ("delivered", {0: 901, 1: 902}, chunks)
