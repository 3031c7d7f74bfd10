"""A supervisor with stub children, run as a process by test_run with the arguments `DATA NAME=BEHAVIOUR...`.

A behaviour is a function here. Written `spawned:BEHAVIOUR`, its child is a program of its own as in earnest, no fork that has its imports.
"""

import asyncio
import os
import sys
from pathlib import Path
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

from engine import log, process
from engine.errors import SettingsError, TzurotError
from engine.process import exit_code


async def steady(stop: asyncio.Event) -> None:
    """Does its work until it is told to stop."""
    process.ready(f"with the database at {database_port()}", address="http://127.0.0.1:1/")
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


def database_port() -> str:
    """As it was told where the database is: over TCP where the folder's name is too long for a socket."""
    address = urlsplit(os.environ["DATABASE_URL"])
    return str(address.port or parse_qs(address.query)["port"][0])


def child(behaviour: str) -> None:
    process.run({each.__name__: each for each in (steady, refused, broken, faulty, second_time)}[behaviour], service=behaviour)


def supervisor() -> None:
    """Run a System whose children behave as named, saying what happens as JSON lines."""
    from bot.cli import output  # here, because no child needs them
    from bot.cli.supervisor import System, run_system
    from bot.cli.supervisor.parts import Module
    from bot.cli.supervisor.plan import ProcessPlan
    from bot.cli.supervisor.report import Report
    from engine.config import Settings
    from engine.embedded.child import Child
    from tests.support import forks

    log.configure("stub", "warning")
    data, *children = sys.argv[1:]
    settings = Settings(_env_file=None, tzurot_data=data, console_port=0, provider_api_key="unused")
    logs = Path(data) / "logs"
    commands = {name: [sys.executable, "-m", __name__, "child", behaviour] for name, behaviour in (each.split("=") for each in children)}
    spawn = Module._spawn

    def forked(module: Module, ready: int, life: int) -> Child:
        behaviour = module._command[-1]
        if behaviour.startswith("spawned:"):
            return spawn(module, ready, life)
        return forks.part([__name__, "child", behaviour], module.environment, logs / f"{module.name}.log", Path.cwd(), (ready, life))

    system = System(settings, Report(as_json=True), what=ProcessPlan(commands), logs=logs)
    try:
        with patch.object(Module, "_spawn", forked):
            code = run_system(system, lambda _: None)
    except TzurotError as error:
        output.error(str(error), json=True)
        code = exit_code(error)
    sys.exit(code)


if __name__ == "__main__":
    log.configure("stub", "warning")
    child(sys.argv[2].removeprefix("spawned:"))
