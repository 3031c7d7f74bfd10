"""Calls of models that hear or speak: by the same permit as any other, at AUDIO_BASE_URL where that is set."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from engine import ids
from engine.config import Settings
from engine.decide.spending.provider import name_of
from engine.decide.spending.spend import Refusal
from projections.models import keys, provider_models
from worker import spend
from worker.jobs.running import GiveUp, Later, RunningJob
from worker.providers.chat import Endpoint
from worker.providers.failure import ProviderFailed
from worker.spend import Allowed
from worker.work import Connected, Work

LOCAL = "local"
"""The model of this machine: costs nothing, asks nobody."""


def endpoint(settings: Settings) -> Endpoint | None:
    """The address for audio of its own; None: it is the provider's."""
    if settings.audio_base_url is None:
        return None
    key = settings.audio_api_key.get_secret_value() if settings.audio_api_key else None
    return Endpoint(name_of(settings.audio_base_url), settings.audio_base_url, key)


def _elsewhere(work: Work) -> Work:
    """What a worker has at hand, with the address for audio in the provider's place: the same limits, another key."""
    own = endpoint(work.settings)
    return work if own is None else replace(work, configured=own, connected=Connected())


async def paid[T](job: RunningJob, model: str, purpose: str, call: Callable[[Allowed], Awaitable[T]]) -> T:
    """Make one call by a permit, paid for by whoever the job is for. Raises Later, GiveUp, ProviderFailed."""
    work = _elsewhere(job.work)
    async with work.log.pool.connection() as connection:
        found = (await provider_models.known(connection, [model]))[model]
        own = await keys.of_user(connection, job.asked_by, work.endpoint.name) if job.asked_by else None
    payer = spend.payer_of_job(work, job.asked_by, own)
    call_id = ids.derived("call", job.id, job.attempt, purpose)
    allowed = await spend.authorize(work, payer, found, call_id, estimate=None, purpose=purpose)
    if isinstance(allowed, Refusal):
        raise GiveUp(f"No call: {allowed.why}.") if allowed.until is None else Later(allowed.until, f"No call yet: {allowed.why}.")
    cost: float | None = None
    try:
        made = await call(allowed)
        await spend.succeeded(work, allowed)
    except ProviderFailed as failure:
        cost = 0.0
        await spend.failed(work, payer, allowed, failure.fault)
        raise
    finally:
        await work.log.append(spend.settled(payer, allowed, cost))
    return made
