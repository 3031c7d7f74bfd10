"""Real servers for every test: one Postgres and one NATS per run; a database and an account per test, empty as a new one."""

import asyncio
import fcntl
import gc
import logging
import os
import secrets
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings

from engine import embedded
from engine.config import Settings
from engine.embedded.database import DATABASE
from tests.support import clusters, loans
from tests.support.brokers import Brokers
from tests.support.databases import Databases

gc.disable()  # until everything is imported and collected: nothing of that is garbage

os.environ.setdefault("TZUROT_TEST_PATIENCE", "10")  # before the stand-in for Discord is imported anywhere

os.environ["LOCAL_MODEL"] = "off"  # what is started without a provider gets the stand-in

TEMPLATE = "template_tzurot"
UNCOMPILED = "uncompiled"
"""A file in the run's folder: no test was ever imported here."""

# How long an example takes says how busy the machine is. And what fails is shown smaller, but not explained, which takes minutes.
hypothesis_settings.register_profile(
    "tzurot",
    max_examples=100 if os.environ.get("TZUROT_FULL") else 50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[phase for phase in Phase if phase is not Phase.explain],
)
hypothesis_settings.load_profile("tzurot")
loans.watch()


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # those of this run inherit it
        folder = Path(tempfile.mkdtemp(prefix="tzurot-"))
        os.environ[clusters.RUN] = str(folder)
        if not (Path(__file__).parent / "unit" / "__pycache__").exists():
            (folder / UNCOMPILED).touch()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop(clusters.RUN), ignore_errors=True)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """In a new clone let one process collect first: all would compile the same five hundred files at the same time."""
    uncompiled = Path(os.environ[clusters.RUN]) / UNCOMPILED
    if not hasattr(session.config, "workerinput") or not uncompiled.exists():
        return (yield)
    with uncompiled.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(lock, fcntl.LOCK_SH)
            fcntl.flock(lock, fcntl.LOCK_UN)
        return (yield)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end what was not looked at, and what to do about it: a line among many dots is not read."""
    found = Counter(str(report.longrepr[-1]) for report in terminalreporter.stats.get("skipped", []) if isinstance(report.longrepr, tuple))
    if found:
        terminalreporter.section("NOT LOOKED AT", red=True, bold=True)
        for reason, count in found.most_common():
            terminalreporter.line(f"{count} test{'s' * (count > 1)}: {reason.removeprefix('Skipped: ')}")


def pytest_collection_finish() -> None:
    """What was imported stays: a collection of garbage that walks through all of it finds none there."""
    gc.freeze()
    gc.enable()


def _log_plainly() -> None:
    """As structlog does unasked, but for one thing: a traceback with every variable in a box takes seconds to draw."""
    structlog.reset_defaults()
    *processors, _ = structlog.get_config()["processors"]
    structlog.configure(processors=[*processors, structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)])


@pytest.fixture(autouse=True)
def _ids_of_now() -> None:
    """A test that stopped the clock in the future leaves the ids of messages there: those of the next one are of now again."""
    for module in ("tests.support.provider.room", "bot.cli.forks"):
        if module in sys.modules:
            sys.modules[module].SNOWFLAKES._last = 0


@pytest.fixture(autouse=True)
def _one_loan_at_a_time() -> Iterator[None]:
    """Nobody borrows a second connection of a pool while holding one: some day as many do as it has connections."""
    loans.second.clear()
    yield
    assert not loans.second


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """A test that sets up logging writes to what was standard error then; the next test must not."""
    _log_plainly()
    root = logging.getLogger()
    handlers, level = set(root.handlers), root.level
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    for handler in set(root.handlers) - handlers:
        if type(handler) is logging.StreamHandler:
            root.removeHandler(handler)
            root.setLevel(level)


@pytest.fixture(scope="session")
def postgres() -> Iterator[embedded.Postgres]:
    """The run's Postgres with pgvector, migrated. Fast rather than safe; a test that kills a server starts its own."""
    with asyncio.Runner() as runner:
        server = clusters.temporary(durable=False)
        yield runner.run(server.__aenter__())
        runner.run(server.__aexit__(None, None, None))


@pytest.fixture(scope="session")
def template(postgres: embedded.Postgres) -> str:
    """Name of a database with all migrations applied and every read model's tables, empty, to which nobody is connected."""
    asyncio.run(embedded.create_database(postgres.admin_dsn, TEMPLATE, template=DATABASE))
    return TEMPLATE


@pytest.fixture(scope="session")
def databases(postgres: embedded.Postgres, template: str) -> Iterator[Databases]:
    """Copies of the template, emptied between two tests."""
    found = Databases(postgres.admin_dsn, template)
    yield found
    found.close()


@pytest.fixture
def dsn(databases: Databases) -> Iterator[str]:
    """A migrated, empty database of this test's own, with the tables of every read model."""
    name = databases.lend()
    yield name
    databases.take_back(name)


@pytest.fixture
async def empty_dsn(postgres: embedded.Postgres) -> AsyncIterator[str]:
    """A database of this test's own without any table, for tests of the migrations themselves."""
    name = f"t_{secrets.token_hex(6)}"
    yield await embedded.create_database(postgres.admin_dsn, name)
    await embedded.drop_database(postgres.admin_dsn, name)


@pytest.fixture
async def nats_server() -> AsyncIterator[embedded.Nats]:
    """A NATS of this test's own, with an empty store: it may be killed, wiped and restarted. Starts in some 50 ms."""
    async with embedded.temporary_nats() as server:
        yield server


@pytest.fixture(scope="session")
def brokers() -> Iterator[Brokers]:
    """A NATS with an account for each test."""
    found = Brokers()
    yield found
    found.close()


@pytest.fixture
def nats_url(request: pytest.FixtureRequest) -> str:
    """Address of this test's own NATS where it asks for one, else of an account of its own on the run's."""
    if "nats_server" in request.fixturenames:
        server = request.getfixturevalue("nats_server")
        assert isinstance(server, embedded.Nats)
        return server.url
    brokers: Brokers = request.getfixturevalue("brokers")
    return brokers.lend()


@pytest.fixture
def settings(dsn: str, nats_url: str, tmp_path: Path) -> Settings:
    """Settings that point to this test's database and broker, whatever the environment and .env say."""
    return Settings(_env_file=None, database_url=dsn, nats_url=nats_url, tzurot_data=tmp_path, master_key="00" * 32, burst_seconds=0.0)
