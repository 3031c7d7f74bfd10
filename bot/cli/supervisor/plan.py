"""Which children a set of settings asks for, and what each finds in its environment. Pure."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from engine import config, process
from engine.config import Settings

STANDIN = "stand-in"


@dataclass(frozen=True, slots=True)
class ProcessPlan:
    """`commands`: child name -> command line, in the order in which they are started; they are stopped in the reverse one.

    `standin`: command of what answers while no provider is configured, None when one is.
    """

    commands: Mapping[str, list[str]]
    standin: list[str] | None = None


@dataclass(frozen=True, slots=True)
class Wiring:
    """Where the parts of a running Tzurot are.

    `provider`: address of what answers while no provider is configured, None when one is; `answers`: what that is.
    """

    data: Path
    dsn: str
    nats_url: str
    port: int
    provider: str | None = None
    answers: str = process.NO_MODEL


def module(name: str) -> list[str]:
    """Command line of one of our modules; -P keeps a folder that happens to be called worker/ from being taken for it."""
    return [sys.executable, "-P", "-m", name]


def plan(settings: Settings) -> ProcessPlan:
    """The children of a whole Tzurot."""
    configured = settings.provider_base_url is not None or settings.provider_api_key is not None
    children = {"projections": "projections", "worker": "worker", "console": "bot.console", "bot": "bot.discord"}
    return ProcessPlan({name: module(target) for name, target in children.items()}, None if configured else module("worker.unconfigured"))


_ALWAYS = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|TEMP|TMP|LD_LIBRARY_PATH|DYLD_\w+|VIRTUAL_ENV|XDG_\w+|TZUROT_CACHE|TERM|NO_COLOR"
    r"|PYTHON\w+|COVERAGE_\w+|COV_CORE_\w+|SSL_CERT_(FILE|DIR)|UNSAFE_FAILPOINTS|CHAOS_FAIL|STANDIN_\w+|OTEL_\w+|SYSTEMROOT"
)
"""What a program needs of the machine it runs on; of a person's environment no more."""
SECRETS: Mapping[str, frozenset[str]] = {
    "discord_token": frozenset({"bot"}),
    "provider_api_key": frozenset({"worker"}),
    "image_api_key": frozenset({"worker"}),
    "audio_api_key": frozenset({"worker"}),
    "provider_proxy": frozenset({"worker"}),
    "console_password": frozenset({"console"}),
    "release_webhook_secret": frozenset({"console"}),
    "master_key": frozenset({"projections", "worker", "console", "bot"}),
}
"""Which children get a secret: those that use it, so that none can lose what it has no use for."""

_SERVERS = frozenset({"DATABASE_URL", "DATABASE_READ_URL", "NATS_URL", "NATS_REPLICAS"})


def environment(base: Mapping[str, str], wiring: Wiring, settings: Settings, child: str) -> dict[str, str]:
    """What a child finds: what any program needs of the machine, where the servers are, and the settings that are its business.

    The values are those that this process has, so a child reads no .env.
    """
    found = {name: value for name, value in base.items() if _ALWAYS.fullmatch(name)} | {config.NO_ENV_FILE: "1"}
    for name in sorted(settings.model_fields_set):
        if child in SECRETS.get(name, {child}):
            found[name.upper()] = _written(getattr(settings, name))
    found |= {"TZUROT_DATA": str(wiring.data), "CONSOLE_PORT": str(wiring.port)}
    if child == STANDIN:
        return {name: value for name, value in found.items() if value and name not in _SERVERS}
    found |= {"DATABASE_URL": wiring.dsn, "NATS_URL": wiring.nats_url}
    if settings.discord_token is not None:
        found[process.DISCORD_ON] = "1"
    if wiring.provider is not None:
        found |= {"PROVIDER_BASE_URL": wiring.provider, process.STANDIN_ON: wiring.answers}
    return {name: value for name, value in found.items() if value}


def _written(value: object) -> str:
    """A setting as it stands in an environment."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return "" if value is None else str(value)
