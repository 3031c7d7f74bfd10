"""Connecting a provider while everything runs: the address is tried, a model chosen, both recorded, and asked from the next turn on."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from difflib import get_close_matches
from uuid import UUID

from engine import ids
from engine import log as logs
from engine.actor import Actor
from engine.bus.reference import Reference
from engine.config import Settings
from engine.decide import preset
from engine.decide.rejected import Rejected
from engine.decide.spending.lift import Lift
from engine.decide.spending.provider import Connect, address, name_of
from engine.execute import execute
from engine.fault import Category, Fault
from engine.store import Log
from projections import provider
from projections.models import catalog
from projections.models.keys import NoSuchKey
from worker.providers import tried
from worker.providers.chat import Endpoint, censored
from worker.providers.failure import ProviderFailed
from worker.providers.http import Http
from worker.work import Work
from worker.work import endpoint as configured_endpoint

AUTOMATIC = "openrouter/auto"
MOST = 300
"""Models that are offered for a choice."""
NEARBY = (("Ollama", 11434), ("LM Studio", 1234), ("llama.cpp", 8080), ("KoboldCpp", 5001))
"""Programs that serve models on one's own machine, and the ports they use unless told otherwise."""
NEARBY_SECONDS = 1.5
_log = logs.get("provider")


@dataclass(frozen=True, slots=True)
class ConnectionTry:
    """What became of a try. Without `model` nothing was changed: `sentence` says what is wrong or missing, `models` what there is."""

    sentence: str
    model: str = ""
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Nearby:
    """A program on this machine that offers models."""

    name: str
    base_url: str
    models: tuple[str, ...]


async def take_up(work: Work) -> None:
    """Ask from now on where the log says. A key that cannot be opened any more leaves the settings' provider in place."""
    found = await provider.connected(work.log)
    if found is None:
        work.connected.endpoint = None
        return
    try:
        secret = await provider.reveal(work.log, found.key_id) if found.key_id else None
    except NoSuchKey:
        _log.warning("the connected provider's key is not there any more", provider=found.name)
        work.connected.endpoint = None
        return
    work.connected.endpoint = Endpoint(found.name, found.base_url, secret)


async def heard(work: Work, _: Reference) -> None:
    """A provider was connected or disconnected."""
    await take_up(work)


async def at_hand(settings: Settings, log: Log, http: Http) -> Work:
    """What a command needs to ask the provider: the connected one, else that of the settings. Raises SettingsError without either."""
    work = Work(settings, log, http, Endpoint("", ""), None)
    await take_up(work)
    return work if work.connected.endpoint else replace(work, configured=configured_endpoint(settings))


async def connect(work: Work, actor: Actor, base_url: str, key_id: UUID | None, model: str) -> ConnectionTry:
    """Try the address and, when it answers and has the model, use both. Raises Rejected for what is no address."""
    secret = await provider.reveal(work.log, key_id) if key_id else None
    endpoint = Endpoint(name_of(address(base_url)), address(base_url), secret)
    try:
        models = await tried.offered(work.http, endpoint)
    except ProviderFailed as failure:
        return ConnectionTry(_sentence(censored(endpoint.redact, failure.fault)))
    chosen = model or _only(endpoint, models)
    if wrong := _wrong(chosen, models):
        return ConnectionTry(wrong, models=tuple(models[:MOST]))
    await execute(work.log, actor, Connect(endpoint.base_url, key_id, provider.last4(secret or "")), ids.random_id())
    await provider.forget(work.log, but=key_id)
    await _use(work, actor, chosen)
    await take_up(work)
    with suppress(Rejected):  # nothing was blocked
        await execute(work.log, actor, Lift("system"), ids.random_id())
    return ConnectionTry(f"{chosen} at {endpoint.base_url} answers from now on.", chosen)


def _only(endpoint: Endpoint, models: Sequence[str]) -> str:
    """The model to take where none was named; '' when somebody has to choose. Pure."""
    if len(models) == 1:
        return models[0]
    return AUTOMATIC if endpoint.name == "openrouter" else ""


def _wrong(model: str, models: Sequence[str]) -> str:
    """What is wrong with the choice of a model; '' when nothing is. Pure."""
    if not model:
        return f"It answers and offers {len(models)} models. Choose one." if models else "It answers without a list of models. Name one."
    if not models or model in models or model == AUTOMATIC:
        return ""
    near = get_close_matches(model, models, 1, 0.5)
    return f"It answers, but does not offer {model}.{f' Did you mean {near[0]}?' if near else ''}"


def _sentence(fault: Fault) -> str:
    if fault.category is Category.AUTHENTICATION:
        return f"It answers and refuses the key. It says: {fault.said or 'nothing more'}"
    return fault.technical_details.split("\n", 1)[0].replace(" Set PROVIDER_BASE_URL to that.", " Use that.") or fault.user_message


async def _use(work: Work, actor: Actor, model: str) -> None:
    """Have the default preset ask for this model."""
    async with work.log.pool.connection() as connection:
        found = await catalog.default_preset(connection, work.log.vault)
    if found is not None:
        await execute(work.log, actor, preset.Edit(found.id, {"model": model}), ids.random_id())


async def nearby(http: Http) -> list[Nearby]:
    """The programs on this machine that offer models, by their usual ports."""
    tries = [_nearby(http, name, f"http://127.0.0.1:{port}/v1") for name, port in NEARBY]
    return [found for found in await asyncio.gather(*tries) if found is not None]


async def _nearby(http: Http, name: str, base_url: str) -> Nearby | None:
    try:
        models = await tried.listed(http, Endpoint("local", base_url), seconds=NEARBY_SECONDS)
    except ProviderFailed:
        return None
    return Nearby(name, base_url, tuple(models[:20])) if models else None
