"""R08: the answer to a commit is lost: the append still returns success with the original position, and nothing is stored twice."""

from engine.errors import StoreError
from tests.chaos.store import lab
from tests.support.commits import LostReplies
from tests.support.proxy import Proxy


async def run(trials: int = 500) -> dict[str, object]:
    """Half of the appends name the version they expect: the retry must not take the first attempt for somebody else's."""
    replies, acked, wrong, errors = LostReplies(), dict[int, int](), 0, 0
    async with lab.database() as server, Proxy.start(server.port, replies.inspector) as proxy:
        async with lab.opened(lab.through(server.tcp_dsn, proxy.port)) as log:
            await log.append(lab.message(0, channel=2))
            for trial in range(1, trials + 1):
                replies.armed = 1
                event = lab.message(trial, channel=1 + trial % 2, expect=(trial - 1) // 2 + trial % 2 if trial % 4 < 2 else None)
                try:
                    found = await log.append(event)
                except StoreError:
                    errors += 1
                    continue
                acked[trial] = found.positions[0]
                wrong += found.repeated
        found_faults = await lab.faults(server.dsn, acked)
    passed = not any(found_faults.values()) and not errors and not wrong and replies.lost >= trials * 0.9
    return {
        "trials": trials,
        "replies_lost": replies.lost,
        "false_conflicts": errors,
        "called_repeats": wrong,
        **found_faults,
        "passed": passed,
    }
