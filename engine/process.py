"""What every long-running process shares: readiness, a graceful end, an end with its supervisor, one sentence when it cannot run.

async def main(stop: asyncio.Event) -> None:
    ...                                          # build everything
    process.ready("16 turns at a time")          # tell the supervisor; optional address="http://..."
    await stop.wait()                            # SIGTERM, SIGINT, or the supervisor is gone
    ...                                          # drain within GRACE_S

if __name__ == "__main__":
    process.run(main, service="worker")
"""

import asyncio
import contextlib
import gc
import json
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import NoReturn

from engine import config, log
from engine.errors import MigrationError, SettingsError, TzurotError, WrongKey
from engine.outside.printed import printable

OK = 0
FAILED = 1
UNEXPECTED = 70
NEEDS_A_PERSON = 78
"""Exit codes. FAILED may go away by itself, so a supervisor tries again; with NEEDS_A_PERSON (sysexits' EX_CONFIG) it does not."""

READY_FD = "TZUROT_READY_FD"
LIFE_FD = "TZUROT_LIFE_FD"
DISCORD_ON = "TZUROT_DISCORD_ON"
"""Set for children that do not get the bot's token, when there is one."""
STANDIN_ON = "TZUROT_STANDIN_ON"
"""Set for children when no provider is configured: what answers instead, NO_MODEL or the name of a small model."""
NO_MODEL = "local stand-in, not a language model"
GRACE_S = 15.0
LAST_RESORT_S = 5.0

_PERMANENT = (SettingsError, MigrationError, WrongKey)
Main = Callable[[asyncio.Event], Awaitable[None]]
_log = log.get("process")


def ready(detail: str = "", address: str | None = None) -> None:
    """Tell the supervisor that this process does its work now. Does nothing when there is none."""
    gc.freeze()  # what was imported stays: to walk through all of it for garbage takes a tenth of a second, in the middle of a turn
    _tell({"ready": detail, "address": address})


def run(main: Main, *, service: str, grace: float = GRACE_S) -> NoReturn:
    """Run `main` until it returns, and end the process with one of the exit codes above.

    At the first SIGTERM or SIGINT, or when the supervisor dies, `stop` is set and `main` has `grace` seconds to return;
    then, or at the second signal, it is cancelled. Five seconds later the process ends whatever still runs.
    A TzurotError ends it with its sentence; any other exception with its type and place only, as its text may quote a person.
    """
    try:
        settings = config.settings()
        log.configure(service, settings.log_level, settings.log_format, hide=config.secrets(settings))
        asyncio.run(_supervised(main, grace), loop_factory=import_module("uvloop").new_event_loop)
        code = OK
    except TzurotError as error:
        code = fail(error)
    except asyncio.CancelledError:
        code = fail(TzurotError(f"{service} did not stop within {grace:g} seconds."))
    except Exception as error:  # the last line of a process: it ends with a sentence and a code
        code = _unexpected(service, cause(error))
    sys.stdout.flush()
    sys.exit(code)


def exit_code(error: TzurotError) -> int:
    """NEEDS_A_PERSON when trying again cannot help, else FAILED. An error may say so itself with an attribute `exit_code`."""
    return int(getattr(error, "exit_code", NEEDS_A_PERSON if isinstance(error, _PERMANENT) else FAILED))


def fail(error: TzurotError, code: int | None = None) -> int:
    """Say the error's sentence to the person and to the supervisor; returns the exit code to end with."""
    print(printable(f"Error: {error}"), file=sys.stderr)
    _tell({"fatal": str(error)})
    return exit_code(error) if code is None else code


def cause(error: BaseException) -> BaseException:
    """What a group of exceptions is about: its first TzurotError, else its first member. Anything else is its own cause."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    leaves = [cause(member) for member in error.exceptions]
    return next((leaf for leaf in leaves if isinstance(leaf, TzurotError)), leaves[0])


def _unexpected(service: str, error: BaseException) -> int:
    if isinstance(error, TzurotError):
        return fail(error)
    _log.error("process.crashed", exc_info=error)
    return fail(TzurotError(f"{service} met an unexpected {type(error).__name__}; its log names the place."), UNEXPECTED)


async def beat(write: Callable[[], Awaitable[None]], every: float = 5.0) -> NoReturn:
    """Call `write` (it upserts this process's heartbeat) for ever. A failed beat is logged and the next one tried."""
    while True:
        try:
            await write()
        except Exception as error:  # whatever failed, a missing beat is itself the signal that health reads
            _log.warning("process.beat_failed", exc_info=error)
        await asyncio.sleep(every)


async def _supervised(main: Main, grace: float) -> None:
    stop = asyncio.Event()
    task = asyncio.ensure_future(main(stop))
    loop = asyncio.get_running_loop()

    def end() -> None:
        if stop.is_set():
            task.cancel()
            return
        stop.set()
        loop.call_later(grace, task.cancel)
        _end_for_sure(grace + LAST_RESORT_S)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    _watch_supervisor(lambda: loop.call_soon_threadsafe(end))
    await task


def _end_for_sure(after: float) -> None:
    # A thread, because neither a blocked loop nor a stuck executor thread may keep the process.
    timer = threading.Timer(after, os._exit, (FAILED,))
    timer.daemon = True
    timer.start()


def _watch_supervisor(gone: Callable[[], object]) -> None:
    """Call `gone` once the other end of the life pipe closes, which even SIGKILL of the supervisor does."""
    fd = _inherited(LIFE_FD)
    if fd is None:
        return

    def wait() -> None:
        with contextlib.suppress(OSError):
            os.read(fd, 1)
        _end_for_sure(GRACE_S + LAST_RESORT_S)
        with contextlib.suppress(RuntimeError):  # the loop has ended already
            gone()

    threading.Thread(target=wait, name="supervisor-watch", daemon=True).start()


def _tell(line: dict[str, str | None]) -> None:
    fd = _inherited(READY_FD)
    if fd is None:
        return
    with contextlib.suppress(OSError):
        os.write(fd, json.dumps(line).encode() + b"\n")


def _inherited(name: str) -> int | None:
    value = os.environ.get(name, "")
    if not value.isdigit():
        return None
    with contextlib.suppress(OSError):
        os.set_inheritable(int(value), False)
        return int(value)
    return None
