"""Tries the provider's address without buying anything: what `tzurot doctor` says of it before the first conversation."""

import asyncio

from engine.config import Settings
from engine.errors import SettingsError, TzurotError
from engine.fault import Category, Fault
from engine.outside import clean
from engine.outside.checks import Finding
from worker.providers import address, errors
from worker.providers.chat import Endpoint, censored
from worker.providers.failure import ProviderFailed
from worker.providers.http import Http, Response, Way
from worker.providers.shapes import as_list, documents

SECONDS = 10.0
_LIMIT = 8 * 1024 * 1024


def look(settings: Settings) -> list[Finding]:
    """The way out and the provider's address. Nothing is tried where only the local stand-in would be asked."""
    found = [_way(settings)] if settings.provider_proxy or settings.provider_ca_file else []
    if not (settings.provider_base_url or settings.provider_api_key) or not all(each.ok for each in found):
        return found
    return [*found, asyncio.run(_tried(settings))]


def _way(settings: Settings) -> Finding:
    try:
        way = Way.of(settings)
        way.trust()
        way.through()
    except SettingsError as error:
        return Finding("way to the provider", False, str(error))
    parts = ["through PROVIDER_PROXY"] if settings.provider_proxy else []
    parts += [f"trusting also {settings.provider_ca_file}"] if settings.provider_ca_file else []
    return Finding("way to the provider", True, ", ".join(parts))


async def _tried(settings: Settings) -> Finding:
    from worker.work import endpoint as endpoint_of  # it imports this room

    try:
        async with Http(Way.of(settings)) as http:
            endpoint = endpoint_of(settings)
            return Finding("provider's address", True, await tried(http, endpoint))
    except ProviderFailed as failure:
        return Finding("provider's address", False, _sentence(censored(endpoint.redact, failure.fault)))
    except TzurotError as error:
        return Finding("provider's address", False, str(error))


def _sentence(fault: Fault) -> str:
    if fault.category is Category.AUTHENTICATION:
        return f"The provider answers and refuses the key. Check PROVIDER_API_KEY. It says: {fault.said or 'nothing more'}"
    if fault.category is Category.BLOCKED:
        return fault.user_message
    return fault.technical_details.split("\n", 1)[0] or fault.user_message


async def tried(http: Http, endpoint: Endpoint) -> str:
    """What answers at the address. Raises ProviderFailed, whose details say what is not right."""
    models = await _offered(http, endpoint)
    there = address.shown(endpoint.base_url)
    return f"{there} answers, without a list of models" if models is None else f"{there} answers and offers {models} models"


async def offered(http: Http, endpoint: Endpoint) -> list[str]:
    """The models that are offered at an address; none where it answers without a list. Raises ProviderFailed."""
    models = await listed(http, endpoint)
    if not models:
        await _offered(http, endpoint)
    return models


async def listed(http: Http, endpoint: Endpoint, *, seconds: float = SECONDS) -> list[str]:
    """The ids in the list of models at an address; none where there is no such list. Raises ProviderFailed when nobody answers."""
    answer = await http.request("GET", endpoint.url("models"), headers=endpoint.headers(), seconds=seconds, limit=_LIMIT)
    found = documents(answer.body.decode("utf-8", "replace")) if answer.status == 200 else None
    entries = [one for name in ("data", "models") for one in as_list(found[0].get(name))] if found else []
    named = [entry.get("id") or entry.get("name") for entry in entries if isinstance(entry, dict)]
    return list(dict.fromkeys(name for name in named if isinstance(name, str) and name and clean.name(name) == name))


async def _offered(http: Http, endpoint: Endpoint) -> int | None:
    """How many models are offered; None where it answers without a list."""
    url = endpoint.url("models")
    answer = await _ask(http, endpoint, "GET", url)
    models = _models(answer)
    if models is not None:
        return models
    fault = _fault(url, answer)
    if fault.category in {Category.AUTHENTICATION, Category.BLOCKED} or 300 <= answer.status < 400:
        raise ProviderFailed(fault)
    # Not everybody lists models; whoever takes completions complains about an empty request, and asks nothing for it.
    asked = endpoint.url("chat/completions")
    complaint = await _ask(http, endpoint, "POST", asked)
    if complaint.status in {400, 422} and documents(complaint.body.decode("utf-8", "replace")):
        return None
    longer = Endpoint(endpoint.name, f"{endpoint.base_url.rstrip('/')}/v1", endpoint.api_key)
    raise ProviderFailed(await _with_hint(http, endpoint, longer, _fault(asked, complaint)))


async def _with_hint(http: Http, endpoint: Endpoint, longer: Endpoint, fault: Fault) -> Fault:
    """The same fault; when the address with /v1 behind it answers, with that."""
    if endpoint.base_url.rstrip("/").endswith("/v1") or fault.category is not Category.WRONG_ADDRESS:
        return fault
    try:
        answer = await _ask(http, longer, "GET", longer.url("models"))
    except ProviderFailed:
        return fault
    if _models(answer) is None and answer.status not in {401, 403}:
        return fault
    there = address.shown(longer.base_url)
    details = f"{address.WRONG}: nothing is at {address.shown(endpoint.base_url)}, but {there} answers. Set PROVIDER_BASE_URL to that."
    return Fault(Category.WRONG_ADDRESS, fault.status, technical_details=details)


async def _ask(http: Http, endpoint: Endpoint, method: str, url: str) -> Response:
    body = b"{}" if method == "POST" else None
    return await http.request(method, url, headers=endpoint.headers(), body=body, seconds=SECONDS, limit=_LIMIT)


def _fault(url: str, answer: Response) -> Fault:
    if 300 <= answer.status < 400:
        return address.redirected(url, answer.status, answer.headers)
    if answer.status < 300:
        details = f"{address.WRONG}: what answers at {address.shown(url)} is no provider of models. Correct PROVIDER_BASE_URL."
        return Fault(Category.WRONG_ADDRESS, answer.status, technical_details=details)
    return address.explained(url, errors.of_answer(answer.status, answer.headers, answer.body))


def _models(answer: Response) -> int | None:
    """How many models a list names; None when the answer is none."""
    found = documents(answer.body.decode("utf-8", "replace")) if answer.status == 200 else None
    if not found:
        return None
    listed = [found[0][name] for name in ("data", "models") if isinstance(found[0].get(name), list)]
    return len(as_list(listed[0])) if listed else len(found) if "id" in found[0] else None
