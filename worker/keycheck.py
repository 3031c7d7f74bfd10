"""Whether a provider takes a key: asked for without buying anything."""

from engine import clock, ids
from engine.actor import SYSTEM
from engine.decide import key as key_rules
from engine.execute import execute
from engine.fault import Category
from projections.models import keys
from worker.providers import address, errors
from worker.providers.chat import Endpoint
from worker.providers.failure import ProviderFailed
from worker.work import Work

SECONDS = 30.0


async def check(work: Work, key: keys.Key) -> str | None:
    """None when the provider takes the key, else the category of its answer. Recorded, unless the provider cannot be reached.

    Asks for `/key` (OpenRouter), and for the list of models where there is no such thing. Raises ProviderFailed, NoSuchKey.
    """
    async with work.log.pool.connection() as connection:
        secret = await keys.reveal(connection, work.log.vault, key.key_id)
    category = await _ask(work, Endpoint(work.endpoint.name, work.endpoint.base_url, secret))
    command = key_rules.RecordTest(key.user_id, key.key_id, category)
    await execute(work.log, SYSTEM, command, ids.derived("key-tested", key.key_id, clock.now().isoformat()))
    return category


async def _ask(work: Work, endpoint: Endpoint) -> str | None:
    for path in ("key", "models"):
        answer = await work.http.request("GET", endpoint.url(path), headers=endpoint.headers(), seconds=SECONDS, limit=8 * 1024 * 1024)
        if answer.status < 300:
            return None
        if answer.status < 400:
            raise ProviderFailed(address.redirected(endpoint.url(path), answer.status, answer.headers))
        fault = errors.of_answer(answer.status, answer.headers, answer.body)
        if fault.category is Category.SERVER_ERROR:
            raise ProviderFailed(fault)
        if answer.status != 404:
            return fault.category.value
    return Category.MODEL_NOT_FOUND.value
