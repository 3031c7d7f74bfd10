"""The provider's catalogue of models: fetched, compared, recorded when it changed and once a day."""

import hashlib
from typing import Any

import orjson

from engine import clock, ids
from engine.decide.job import RetryPolicy
from engine.events.build import new
from engine.events.model import CatalogueFetched, Offered
from engine.fault import Category, Fault
from engine.outside import clean
from worker.jobs.running import Handler, Result, RunningJob, hours
from worker.providers import address, errors
from worker.providers.chat import censored
from worker.providers.failure import ProviderFailed
from worker.providers.shapes import as_dict, as_number, documents
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
    url = endpoint.url("models")
    if 300 <= answer.status < 400:
        raise ProviderFailed(address.redirected(url, answer.status, answer.headers))
    if answer.status != 200:
        fault = address.explained(url, errors.of_answer(answer.status, answer.headers, answer.body))
        raise ProviderFailed(censored(endpoint.redact, fault))
    listed = _listed(answer.body.decode("utf-8", "replace"))
    if listed is None:
        raise ProviderFailed(Fault(Category.BAD_RESPONSE, answer.status, technical_details="a catalogue without a list"))
    found = {offer.id: offer for entry in listed[:MOST] if isinstance(entry, dict) and (offer := offered(entry)) is not None}
    return [found[name] for name in sorted(found)]


def _listed(text: str) -> list[Any] | None:
    """The entries of a catalogue: under `data` or `models`, or the list itself."""
    found = documents(text)
    if not found:
        return None
    if text.lstrip("\ufeff \t\r\n").startswith("["):
        return list(found)
    return next((found[0][name] for name in ("data", "models") if isinstance(found[0].get(name), list)), None)


def offered(entry: dict[str, Any]) -> Offered | None:
    """One entry of a catalogue in OpenRouter's shape, or the bare one of OpenAI's; None for what has no usable name."""
    name = entry.get("id")
    if not isinstance(name, str) or not name or clean.name(name) != name:
        return None  # an id that had to be cleaned would be another one
    top, prices, shape = as_dict(entry.get("top_provider")), as_dict(entry.get("pricing")), as_dict(entry.get("architecture"))
    supported, inputs = entry.get("supported_parameters"), shape.get("input_modalities")
    return Offered(
        id=name,
        name=clean.name(entry.get("name")),
        context_tokens=_count(entry.get("context_length")) or _count(top.get("context_length")),
        max_output=_count(top.get("max_completion_tokens")),
        price_in=_price(prices.get("prompt")),
        price_out=_price(prices.get("completion")),
        reasoning="reasoning" in supported if isinstance(supported, list) else None,
        vision="image" in inputs if isinstance(inputs, list) else None,
        tools="tools" in supported if isinstance(supported, list) and supported else None,
    )


def _count(value: object) -> int | None:
    number = as_number(value)
    return int(number) if number is not None and 1 <= number < 1e9 else None


def _price(value: object) -> float | None:
    """US dollars per token. Routers say -1 for "it depends": that is not known."""
    price = as_number(value)
    return price if price is not None and price < 1e3 else None


HANDLER = Handler(
    "catalogue", run, RetryPolicy(attempts=40, longest=600.0), at_once=1, every=hours(6), about=lambda work: work.endpoint.name
)
"""Every six hours; after a failure again, in the end every ten minutes, until the next one is due."""
