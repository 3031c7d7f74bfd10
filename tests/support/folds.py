"""Whether each read model is what a fold of the log from zero gives (I6), in the words of the oracle."""

from engine.store import connect
from projections.follow import runner
from projections.follow.verify import Verdict, verify
from projections.registry import ALL

PATIENCE_S = 60.0
"""How long a read model may take to come to where the log ended when it was looked at: jobs go on after the last answer."""


async def differences(dsn: str, patience_s: float = PATIENCE_S) -> list[str]:
    """One sentence per projection that does not come to the head of the log, is stopped, or has other rows than its fold."""
    verdicts = {verdict.name: verdict for verdict in await verify(dsn, ALL)}
    late = [verdict for verdict in verdicts.values() if verdict.status == "running" and verdict.position < verdict.head]
    if late:
        async with connect.pool(dsn, size=1) as pool:
            await runner.wait_for(pool, [verdict.name for verdict in late], max(verdict.head for verdict in late), seconds=patience_s)
        again = [projection for projection in ALL if projection.name in {verdict.name for verdict in late}]
        seen = {name: verdict.head for name, verdict in verdicts.items()}
        verdicts |= {verdict.name: verdict for verdict in await verify(dsn, again)}
        return [sentence for verdict in verdicts.values() for sentence in _faults(verdict, seen[verdict.name])]
    return [sentence for verdict in verdicts.values() for sentence in _faults(verdict, verdict.head)]


def _faults(verdict: Verdict, head: int) -> list[str]:
    if verdict.status != "running" or verdict.position < head:
        return [f"{verdict.name} stands at {verdict.position} of {head}, {verdict.status}"]
    return [f"{verdict.name}.{table} is not its fold: {verdict.tables[table]}" for table in verdict.different]
