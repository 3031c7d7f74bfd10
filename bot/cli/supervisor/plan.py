"""Which children a set of settings asks for, and what each finds in its environment. Pure."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine import process
from engine.config import Settings

STANDIN = "stand-in"


@dataclass(frozen=True, slots=True)
class ProcessPlan:
    """`commands`: child name -> command line, in the order in which they are started; they are stopped in the reverse one.

    `standin`: command of the stand-in provider, None when a provider is configured.
    """

    commands: Mapping[str, list[str]]
    standin: list[str] | None = None


def module(name: str) -> list[str]:
    """Command line of one of our modules; -P keeps a folder that happens to be called worker/ from being taken for it."""
    return [sys.executable, "-P", "-m", name]


def plan(settings: Settings) -> ProcessPlan:
    """The children of a whole Tzurot."""
    configured = settings.provider_base_url is not None or settings.provider_api_key is not None
    children = {"projections": "projections", "worker": "worker", "console": "bot.console", "bot": "bot.discord"}
    return ProcessPlan({name: module(target) for name, target in children.items()}, None if configured else module("worker.standin"))


def environment(base: Mapping[str, str], data: Path, *, dsn: str, nats_url: str, port: int, provider: str | None) -> dict[str, str]:
    """What every child finds: the person's environment, and where the database, the broker and the provider are."""
    found = {name: value for name, value in base.items() if name not in {process.READY_FD, process.LIFE_FD}}
    found |= {"DATABASE_URL": dsn, "NATS_URL": nats_url, "TZUROT_DATA": str(data), "CONSOLE_PORT": str(port)}
    if provider is not None:
        found["PROVIDER_BASE_URL"] = provider
    return found
