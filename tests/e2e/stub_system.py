"""A supervisor with stub children, run as a process by test_run: `python -m tests.e2e.stub_system DATA NAME=BEHAVIOUR...`."""

import asyncio
import os
import sys
from pathlib import Path

from engine import log, process
from engine.errors import SettingsError, TzurotError
from engine.process import exit_code


async def steady(stop: asyncio.Event) -> None:
    """Does its work until it is told to stop."""
    process.ready("stub", address="http://127.0.0.1:1/")
    await stop.wait()


async def refused(stop: asyncio.Event) -> None:
    """Cannot work until a person corrects something."""
    raise SettingsError("Discord does not accept the token. Set DISCORD_TOKEN to the one on the developer portal.")


async def broken(stop: asyncio.Event) -> None:
    """Ends at every start."""
    raise TzurotError("the stub cannot work today.")


async def faulty(stop: asyncio.Event) -> None:
    """Has a bug."""
    raise KeyError("canary-5519")


async def second_time(stop: asyncio.Event) -> None:
    """Ends at the first start, works at the second."""
    marker = Path(os.environ["TZUROT_DATA"]) / "seen"
    if not marker.exists():
        marker.touch()
        raise TzurotError("not yet.")
    await steady(stop)


def child(behaviour: str) -> None:
    process.run({each.__name__: each for each in (steady, refused, broken, faulty, second_time)}[behaviour], service=behaviour)


def supervisor(data: str, *children: str) -> int:
    """Run a System whose children behave as named, saying what happens as JSON lines."""
    from bot.cli import output  # here, because no child needs them
    from bot.cli.supervisor import System, run_system
    from bot.cli.supervisor.plan import ProcessPlan
    from bot.cli.supervisor.report import Report
    from engine.config import Settings

    settings = Settings(_env_file=None, tzurot_data=data, console_port=0, provider_api_key="unused")
    commands = {
        name: [sys.executable, "-m", __spec__.name, "child", behaviour] for name, behaviour in (each.split("=") for each in children)
    }
    system = System(settings, Report(as_json=True), what=ProcessPlan(commands), logs=Path(data) / "logs")
    try:
        return run_system(system, lambda _: None)
    except TzurotError as error:
        output.error(str(error), json=True)
        return exit_code(error)


if __name__ == "__main__":
    log.configure("stub", "warning")
    if sys.argv[1] == "child":
        child(sys.argv[2])
    sys.exit(supervisor(*sys.argv[1:]))
