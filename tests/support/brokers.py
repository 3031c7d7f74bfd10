"""One NATS for many tests: each finds an account of its own, in which are no streams, consumers and messages of others.

Starting a server takes longer than what most tests ask of it. A test that kills or wipes one starts its own.
"""

import asyncio
import re
import shutil
import tempfile
from pathlib import Path

from engine import embedded
from engine.embedded.broker import CONFIGURATION

ACCOUNTS = 50
"""What earlier tests left costs the server little, but something."""


class Brokers:
    """Accounts of a server, which is started when the first is asked for and replaced when none is left. Not for several threads."""

    def __init__(self) -> None:
        self._server: _Shared | None = None
        self._left = 0

    def lend(self) -> str:
        """Address of a NATS that holds nothing."""
        if self._server is None or not self._left:
            self.close()
            self._server = _Shared(Path(tempfile.mkdtemp(prefix="tzurot-")) / "nats")
            self._left = ACCOUNTS
            asyncio.run(self._server.start())
        self._left -= 1
        return self._server.url.replace("//tzurot:", f"//test{self._left}:")

    def close(self) -> None:
        if self._server is not None:
            asyncio.run(self._server.stop())
            shutil.rmtree(self._server.folder.parent, ignore_errors=True)
            self._server = None


class _Shared(embedded.Nats):
    """The usual server with many users for one, and room for the streams of them all."""

    async def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.configuration = self.folder / "nats.conf"
        self.configuration.write_text(_for_many(CONFIGURATION.read_text()))
        await super().start()


def _for_many(configuration: str) -> str:
    users = (f"test{n} {{ jetstream: enabled, users: [{{ user: test{n}, password: $NATS_PASSWORD }}] }}" for n in range(ACCOUNTS))
    accounts = "accounts {\n  " + "\n  ".join(users) + "\n}"
    changed, found = re.subn(r"authorization \{[^}]*\}", lambda _: accounts, configuration)
    larger, limits = re.subn(r"max_file_store: \S+", "max_file_store: 1TB", changed)
    assert (found, limits) == (1, 1), "nats.conf was changed: say here how many tests share one"
    return larger
