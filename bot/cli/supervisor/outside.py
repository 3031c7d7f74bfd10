"""What the machine and the network must offer before anything starts."""

import asyncio
import errno
import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

from engine.config import Settings
from engine.embedded.folder import free_port, kept_port
from engine.errors import SettingsError, TzurotError

ANSWER_S = 5.0


def console_port(settings: Settings, data: Path, *, keep: bool = True) -> tuple[int, str]:
    """The port the console shall take, and a note when it is not the usual one.

    A port that was asked for and is taken is an error with a sentence; the default one gives way to a free one, which is kept in the
    data folder. Without `keep` nothing is written, and a free port is one of this moment.
    """
    if settings.console_port == 0:
        return _free(data, keep=keep), ""
    problem = _bind(settings.console_host, settings.console_port)
    if problem is None:
        return settings.console_port, ""
    if problem == errno.EADDRINUSE and "console_port" not in settings.model_fields_set:
        port = _free(data, keep=keep)
        return port, f"Port {settings.console_port} is in use, so the console takes {port}."
    raise _refusal(settings.console_host, settings.console_port, problem)


def _free(data: Path, *, keep: bool) -> int:
    return kept_port(data / "console.port") if keep else free_port()


def _bind(host: str, port: int) -> int | None:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except socket.gaierror:
        return errno.EADDRNOTAVAIL
    except OSError as error:
        return error.errno or errno.EADDRNOTAVAIL
    return None


def _refusal(host: str, port: int, problem: int) -> SettingsError:
    if problem == errno.EADDRINUSE:
        return SettingsError(
            f"Port {port} on {host} is in use. End the program that has it, or set CONSOLE_PORT to another (0: any free one)."
        )
    if problem == errno.EADDRNOTAVAIL:
        return SettingsError(f"{host} is no address of this machine. Set CONSOLE_HOST to one that is, such as 127.0.0.1.")
    return SettingsError(f"The console cannot listen on {host}:{port} ({os.strerror(problem)}). Set CONSOLE_PORT to a number above 1023.")


async def greeting_of(nats_url: str) -> None:
    """Make sure that one of the servers of NATS_URL answers as NATS does. Raises TzurotError with a sentence otherwise."""
    said = ""
    for url in nats_url.split(","):
        parts = urlsplit(url if "://" in url else f"nats://{url}")
        try:
            said = await _first_bytes(parts.hostname or "127.0.0.1", parts.port or 4222)
        except (OSError, TimeoutError):
            continue
        if said == "INFO":
            return
    problem = "answers, but not as NATS does" if said else "does not answer"
    raise TzurotError(f"The NATS server of NATS_URL {problem}. Start it, correct NATS_URL, or unset it to use the embedded one.")


async def _first_bytes(host: str, port: int) -> str:
    async with asyncio.timeout(ANSWER_S):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            return (await reader.read(4)).decode(errors="replace")
        finally:
            writer.close()
