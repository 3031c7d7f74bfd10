"""Which provider the operator connected, straight from its stream, and the sealed key of it."""

from uuid import UUID

from engine import ids, sealing
from engine.decide.spending.provider import RULES
from engine.events.base import SYSTEM_SUBJECT
from engine.events.provider import STREAM, ProviderConnected
from engine.store import Log
from projections.models import keys

NOBODY = 0
"""Stands for the operator in the table of sealed keys: no person's id is it."""
KIND = "operator"


async def connected(log: Log) -> ProviderConnected | None:
    """What is connected; None when what the settings name holds."""
    state = RULES.initial
    for recorded in await log.stream(STREAM):
        state = RULES.evolve(state, recorded.event)
    return state.connected


async def keep(log: Log, secret: str) -> UUID:
    """Seal a key of the operator's; returns its id. Nothing is said of it in the log before it is connected."""
    key_id = ids.random_id()
    key = await log.vault.key(SYSTEM_SUBJECT)
    async with log.pool.connection() as connection:
        sealed = sealing.seal(key, secret.encode(), keys.bound_to(key_id, NOBODY, KIND))
        await keys.put(connection, key_id, NOBODY, KIND, key.subject, sealed)
    return key_id


async def reveal(log: Log, key_id: UUID) -> str:
    """The key itself, for a worker. Raises NoSuchKey, WrongKey."""
    async with log.pool.connection() as connection:
        return await keys.reveal(connection, log.vault, key_id)


async def forget(log: Log, *, but: UUID | None) -> None:
    """Delete the operator's sealed keys, except one."""
    async with log.pool.connection() as connection:
        await keys.drop(connection, NOBODY, but=but)


def last4(secret: str) -> str:
    """What may be shown of a key."""
    return secret[-4:] if len(secret) >= 12 else "****" if secret else ""
