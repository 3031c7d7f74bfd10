"""What the machine must offer: the console's port, and a broker that is one."""

import asyncio
import errno
import socket
from pathlib import Path
from typing import Any

import pytest

from bot.cli import checks
from bot.cli.supervisor import outside
from bot.cli.supervisor.outside import console_port, greeting_of
from engine.config import Settings
from engine.embedded import Nats, free_port
from engine.errors import SettingsError, TzurotError


@pytest.fixture(autouse=True)
def _no_settings_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONSOLE_PORT", "CONSOLE_HOST"):
        monkeypatch.delenv(name, raising=False)


def _settings(**given: Any) -> Settings:
    return Settings.model_validate(given)


def test_a_port_that_is_free_is_taken(tmp_path: Path) -> None:
    """Without a word about it."""
    port = free_port()
    assert console_port(_settings(console_port=port), tmp_path) == (port, "")


def test_zero_takes_a_free_port_and_keeps_it(tmp_path: Path) -> None:
    """So that a bookmark stays good."""
    first, note = console_port(_settings(console_port=0), tmp_path)
    assert (first, note) == (console_port(_settings(console_port=0), tmp_path)[0], "")
    assert first > 0


def test_the_default_port_gives_way_with_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody asked for it, so somebody else may have it."""
    monkeypatch.setattr(outside, "_bind", lambda host, port: errno.EADDRINUSE)
    port, note = console_port(_settings(), tmp_path)
    assert port not in {0, 8420}
    assert note == f"Port 8420 is in use, so the console takes {port}."


def test_a_port_that_was_asked_for_does_not_give_way(tmp_path: Path) -> None:
    """The sentence names the setting."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"Port {port} on 127.0.0.1 is in use.*CONSOLE_PORT"):
            console_port(_settings(console_port=port), tmp_path)


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_an_address_of_another_machine_is_refused(host: str, tmp_path: Path) -> None:
    """Neither a foreign address nor a name that leads nowhere can be listened on."""
    with pytest.raises(SettingsError, match=f"{host} is no address of this machine. Set CONSOLE_HOST"):
        console_port(_settings(console_host=host, console_port=free_port()), tmp_path)


def test_a_port_for_root_only_is_refused_with_advice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an ordinary user meets it below 1024."""
    monkeypatch.setattr(outside, "_bind", lambda host, port: errno.EACCES)
    with pytest.raises(SettingsError, match=r"127\.0\.0\.1:80 \(Permission denied\).*above 1023"):
        console_port(_settings(console_port=80), tmp_path)


async def test_a_real_broker_is_recognised(nats_server: Nats) -> None:
    """One of several addresses that answers is enough."""
    await greeting_of(f"nats://127.0.0.1:{free_port()},{nats_server.url}")


async def test_something_else_on_the_port_is_not_taken_for_a_broker() -> None:
    """A web server talks too, but not like that."""

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(TzurotError, match="answers, but not as NATS does"):
            await greeting_of(f"nats://127.0.0.1:{port}")


async def test_a_broker_that_is_down_is_named_by_its_setting() -> None:
    """And what to do: start it, correct it, or go without."""
    with pytest.raises(TzurotError, match=r"The NATS server of NATS_URL does not answer\. Start it, correct NATS_URL, or unset it"):
        await greeting_of(f"nats://user:secret@127.0.0.1:{free_port()}")


def test_doctor_says_that_the_data_folder_is_a_link_to_nothing(tmp_path: Path) -> None:
    """A disk that is not mounted, for one: it can neither be used nor made."""
    link = tmp_path / "data"
    link.symlink_to(tmp_path / "gone")
    for folder in (link, link / "below"):
        with pytest.raises(TzurotError, match="is a link to a folder that is not there"):
            checks.data_folder(folder)
