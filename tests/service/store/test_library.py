"""The log as a persistence module of `eventsourcing`: the library's own conformance cases, and both directions of reading."""

import asyncio
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    OperationalError,
    ProcessRecorder,
    StoredEvent,
    TrackingRecorder,
)
from eventsourcing.tests import persistence as cases
from eventsourcing.utils import Environment

from engine import ids
from engine.events.base import Tags, user_subject
from engine.events.message import MessageReceived
from engine.store import Factory, NewEvent, open_log
from engine.store.foreign import LibraryEvent
from engine.store.library import (
    Datastore,
    LogAggregateRecorder,
    LogApplicationRecorder,
    LogProcessRecorder,
    LogTrackingRecorder,
    OurEvent,
)
from engine.vault import MasterKey

SECRET = bytes(range(32))


@pytest.fixture(autouse=True)
def datastore(request: pytest.FixtureRequest, dsn: str) -> Iterator[Datastore]:
    """Connections to this test's database, also as an attribute of the library's test classes."""
    store = Datastore(dsn)
    if request.instance is not None:
        request.instance.datastore = store
        request.instance.dsn = dsn
    yield store
    store.close()


class _WithDatastore:
    datastore: Datastore
    dsn: str


class TestAggregateRecorder(_WithDatastore, cases.AggregateRecorderTestCase):
    """Sequences beside the log behave as the library demands."""

    def create_recorder(self) -> AggregateRecorder:
        return LogAggregateRecorder(self.datastore)

    def tearDown(self) -> None:
        """Connections are closed by the fixture."""


class TestApplicationRecorder(_WithDatastore, cases.ApplicationRecorderTestCase[LogApplicationRecorder]):
    """The log behaves as the library demands of an application's recorder, subscriptions included."""

    def create_recorder(self) -> LogApplicationRecorder:
        return LogApplicationRecorder(self.datastore)

    def test_insert_subscribe(self) -> None:
        """The library makes this case optional; the log passes it."""
        self.optional_test_insert_subscribe()


class TestNonInterleaving(_WithDatastore, cases.NonInterleavingNotificationIDsBaseCase):
    """Two transactions never share a range of positions."""

    def create_recorder(self) -> ApplicationRecorder:
        return LogApplicationRecorder(self.datastore)


class TestTrackingRecorder(_WithDatastore, cases.TrackingRecorderTestCase):
    """Tracking only moves forward."""

    def create_recorder(self) -> TrackingRecorder:
        return LogTrackingRecorder(self.datastore)


class TestProcessRecorder(_WithDatastore, cases.ProcessRecorderTestCase):
    """Events and tracking are stored together or not at all."""

    def create_recorder(self) -> ProcessRecorder:
        return LogProcessRecorder(self.datastore)


class Tracker(LogTrackingRecorder):
    """A tracking recorder of a user's own."""


class TestFactory(_WithDatastore, cases.InfrastructureFactoryTestCase[Factory]):
    """The factory is found by module name and makes every recorder."""

    def setUp(self) -> None:
        self.env = Environment("TestCase", {"PERSISTENCE_MODULE": "engine.store", "DATABASE_URL": self.dsn})
        super().setUp()

    def expected_factory_class(self) -> type[Factory]:
        return Factory

    def expected_aggregate_recorder_class(self) -> type[AggregateRecorder]:
        return LogAggregateRecorder

    def expected_application_recorder_class(self) -> type[ApplicationRecorder]:
        return LogApplicationRecorder

    def expected_tracking_recorder_class(self) -> type[TrackingRecorder]:
        return LogTrackingRecorder

    def tracking_recorder_subclass(self) -> type[TrackingRecorder]:
        return Tracker

    def expected_process_recorder_class(self) -> type[ProcessRecorder]:
        return LogProcessRecorder


class Dog(Aggregate):
    @event("Registered")
    def __init__(self, name: str) -> None:
        self.name, self.tricks = name, list[str]()

    @event("TrickAdded")
    def learn(self, trick: str) -> None:
        self.tricks.append(trick)


class Kennel(Application[UUID]):
    is_snapshotting_enabled = True


def said(number: int) -> NewEvent:
    text = MessageReceived(message_id=number, channel_id=7, author_id=5, venue="playground", text="good dog", author_name="Ann")
    return NewEvent(text, "channel:7", ids.message_event(number, "received"), Tags(channel=7, user=5), (user_subject(5),))


def test_both_directions(dsn: str) -> None:
    """An ordinary application saves, snapshots and reads on our log; each side reads the other's events, texts included."""
    app = Kennel(env={"PERSISTENCE_MODULE": "engine.store", "DATABASE_URL": dsn, "MASTER_KEY": SECRET.hex()})
    dog = Dog("Rex")
    app.save(dog)

    async def ours() -> list[LibraryEvent]:
        async with open_log(dsn, MasterKey.of(SECRET)) as log:
            await log.append(said(1))
            return [recorded.event async for recorded in log.read() if isinstance(recorded.event, LibraryEvent)]

    assert [found.topic.rsplit(".", 1)[-1] for found in asyncio.run(ours())] == ["Registered"]
    dog.learn("sit")
    app.save(dog)
    app.take_snapshot(dog.id)
    again: Dog = app.repository.get(dog.id)
    assert (again.name, again.tricks, again.version) == ("Rex", ["sit"], 2)
    notifications = app.recorder.select_notifications(start=1, limit=10)
    assert [n.id for n in notifications] == [1, 2, 3]
    found = app.mapper.to_domain_event(notifications[1])
    assert isinstance(found, OurEvent)
    assert isinstance(found.event, MessageReceived)
    assert (found.event.text, found.erased, str(found.originator_id)) == ("good dog", False, "channel:7")
    app.close()


def test_our_texts_stay_shut_without_the_master_key(dsn: str) -> None:
    """Without MASTER_KEY the library's side sees our events with blanks."""

    async def write() -> None:
        async with open_log(dsn, MasterKey.of(SECRET)) as log:
            await log.append(said(1))

    asyncio.run(write())
    app = Kennel(env={"PERSISTENCE_MODULE": "engine.store", "DATABASE_URL": dsn})
    found = app.mapper.to_domain_event(app.recorder.select_notifications(start=1, limit=1)[0])
    assert isinstance(found, OurEvent)
    assert found.erased
    assert isinstance(found.event, MessageReceived)
    assert found.event.text == "[erased]"
    app.close()


def test_a_lost_answer_is_no_conflict(datastore: Datastore, monkeypatch: pytest.MonkeyPatch) -> None:
    """R08 for the library's side: the commit happened, its answer was lost, and the caller gets the positions."""
    recorder = LogApplicationRecorder(datastore)
    stored = StoredEvent(uuid4(), 1, "topic", b"state")
    insert = recorder._insert

    def lose_the_answer(*args: object, **kwargs: object) -> object:
        insert(*args, **kwargs)  # type: ignore[arg-type]
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(recorder, "_insert", lose_the_answer)
    assert recorder.insert_events([stored]) == [1]
    assert recorder.max_notification_id() == 1
