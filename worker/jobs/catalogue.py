"""The provider's catalogue of models: fetched, compared, recorded when it changed and once a day."""

import hashlib
from typing import Any

import orjson

from engine import clock, ids
from engine.decide.job import RetryPolicy
from engine.events.build import new
from engine.events.model import CatalogueFetched, Offered
from engine.fault import Category, Fault
from worker.jobs.running import Handler, Result, RunningJob, hours
from worker.providers.chat import fault_of, parse
from worker.providers.failure import ProviderFailed
from worker.work import Work

SECONDS = 30.0
LIMIT = 8 * 1024 * 1024
"""Bytes: OpenRouter's catalogue is some 600 kB."""
MOST = 5000


async def run(job: RunningJob) -> Result:
    """Fetch, and record what is new. A stale catalogue stays in use meanwhile."""
    return {"models": await refresh(job.work)}


async def refresh(work: Work) -> int:
    """Fetch the catalogue and record it if it is new; returns how many models it has. Raises ProviderFailed."""
    models = await fetch(work)
    described = [model.model_dump(mode="json") for model in models]
    sha256 = hashlib.sha256(orjson.dumps(described)).hexdigest()
    name, day = work.endpoint.name, clock.now().strftime("%Y-%m-%d")
    event = CatalogueFetched(provider=name, sha256=sha256, models=tuple(models))
    await work.log.append(new(event, ids.derived("catalogue", name, sha256, day)))
    return len(models)


async def fetch(work: Work) -> list[Offered]:
    """The models the provider offers now, by id. Raises ProviderFailed."""
    endpoint = work.endpoint
    answer = await work.http.request("GET", endpoint.url("models"), headers=endpoint.headers(), seconds=SECONDS, limit=LIMIT)
    text = answer.body.decode("utf-8", "replace")
    if answer.status != 200:
        raise ProviderFailed(fault_of(answer.status, {}, answer.headers, raw=text[:500]))
    listed = parse(text).get("data")
    if not isinstance(listed, list):
        raise ProviderFailed(Fault(Category.BAD_RESPONSE, answer.status, technical_details="a catalogue without a list"))
    found = {offer.id: offer for entry in listed[:MOST] if isinstance(entry, dict) and (offer := offered(entry)) is not None}
    return [found[name] for name in sorted(found)]


def offered(entry: dict[str, Any]) -> Offered | None:
    """One entry of a catalogue in OpenRouter's shape, or the bare one of OpenAI's; None for what has no usable name."""
    name = entry.get("id")
    if not isinstance(name, str) or not 1 <= len(name) <= 200:
        return None
    top, prices, shape = _dict(entry.get("top_provider")), _dict(entry.get("pricing")), _dict(entry.get("architecture"))
    supported, inputs = entry.get("supported_parameters"), shape.get("input_modalities")
    return Offered(
        id=name,
        name=str(entry.get("name") or "")[:200],
        context_tokens=_count(entry.get("context_length")) or _count(top.get("context_length")),
        max_output=_count(top.get("max_completion_tokens")),
        price_in=_price(prices.get("prompt")),
        price_out=_price(prices.get("completion")),
        reasoning="reasoning" in supported if isinstance(supported, list) else None,
        vision="image" in inputs if isinstance(inputs, list) else None,
    )


def _count(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) and 1 <= value < 1e9 else None


def _price(value: object) -> float | None:
    """US dollars per token. Routers say -1 for "it depends": that is not known."""
    try:
        price = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else -1.0
    except ValueError:
        return None
    return price if 0 <= price < 1e3 else None


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


HANDLER = Handler(
    "catalogue", run, RetryPolicy(attempts=40, longest=600.0), at_once=1, every=hours(6), about=lambda work: work.endpoint.name
)
"""Every six hours; after a failure again, in the end every ten minutes, until the next one is due."""
