"""Whether each read model is what a fold of the log from zero gives (I6), in the words of the oracle."""

from projections.follow.verify import Verdict, verify
from projections.registry import ALL


async def differences(dsn: str) -> list[str]:
    """One sentence per projection that is not at the head of the log, is stopped, or has other rows than its fold."""
    return [sentence for verdict in await verify(dsn, ALL) for sentence in _faults(verdict)]


def _faults(verdict: Verdict) -> list[str]:
    if verdict.status != "running" or verdict.position != verdict.head:
        return [f"{verdict.name} stands at {verdict.position} of {verdict.head}, {verdict.status}"]
    return [f"{verdict.name}.{table} is not its fold: {verdict.tables[table]}" for table in verdict.different]
