"""Rows about what the bot keeps while it is away, and about two of them: R42, R44, R46, R49, TWINS."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence

from engine.clock import monotonic
from tests.chaos.delivery import FAIL_AFTER_POST
from tests.chaos.run import Run
from tests.chaos.scene import Said, Scene, scene
from tests.support import headstrong, oracle
from tests.support.system import until

WAITING, LED_IN = 6, 8
TWINS = ("twin", "twin2")
TWINS_IN, AT_A_TIME = 4, 5
TAKEOVER_S = 10.0


async def r42(run: Run, seconds: float = 20.0) -> None:
    """R42: Discord's REST fails while a bot comes back. What was said, edited and deleted meanwhile is all known afterwards.

    `--events` is how many seconds it fails for.
    """
    away = float(run.events or seconds)
    async with scene(lanes=6) as stage:
        async for trial in run.each():
            before = [await stage.say(lane, f"trial {trial}") for lane in range(3)]
            await asyncio.gather(*(stage.answered(said) for said in before))
            await stage.kill("bot")
            said = [await stage.say(lane) for lane in range(3, 6)]
            await stage.discord.edit("lane-0", str(before[0].id), f"@wren {before[0].word} now says otherwise")
            await stage.discord.delete("lane-1", str(before[1].id))
            fault = stage.discord.fault(path="/channels/", status=503, times=10**9)
            since = monotonic()
            starting = asyncio.create_task(stage.tzurot.start("bot"))
            await asyncio.sleep(away)
            fault.times = 0
            await starting
            await asyncio.gather(*(stage.follow(run, one, since) for one in said))
            await _known(run, stage, {"message.edited": before[0].id, "message.deleted": before[1].id})
        await stage.judge(run, within=120.0 + away)


async def _known(run: Run, stage: Scene, wanted: dict[str, int]) -> None:
    """Every change of a message is in the log soon."""

    async def look() -> bool:
        rows = await oracle.events(stage.tzurot.dsn)
        return all(any(row.type == kind and str(row.data.get("message_id")) == str(id_) for row in rows) for kind, id_ in wanted.items())

    try:
        await until(look, 60.0, "the log knows the edit and the deletion")
    except TimeoutError as error:
        run.broken.append(str(error))


async def r44(run: Run) -> None:
    """R44: six people wait for answers in one channel while something fails. The answers stand in the order of the log (I11)."""
    async with scene(lanes=len(DISTURBANCES)) as stage:
        await disturbed(run, stage)
        await stage.judge(run)


async def disturbed(run: Run, stage: Scene) -> None:
    """The trials of R44."""
    async for trial in run.each():
        lane = trial % len(DISTURBANCES)
        said, since = await DISTURBANCES[lane](stage, lane)
        await asyncio.gather(*(stage.follow(run, one, since) for one in said))


async def _six(stage: Scene, lane: int) -> list[Said]:
    return [await stage.say(lane, user=f"p{number}-{lane}") for number in range(WAITING)]


async def _bot_killed(stage: Scene, lane: int) -> tuple[Sequence[Said], float]:
    """The worker finishes them all while nobody delivers."""
    word = f"ping-{len(stage.said)}"
    stage.stage.hold(word)
    said = await _six(stage, lane)
    await stage.stage.held(word)
    await _heard(stage, said)
    await stage.kill("bot")
    stage.stage.release(word)
    await _finished(stage, said)
    since = monotonic()
    await stage.tzurot.start("bot")
    return said, since


async def _refused_three_times(stage: Scene, lane: int) -> tuple[Sequence[Said], float]:
    """The first of them: what comes after it waits."""
    stage.discord.fault(method="POST", path="/webhooks/", status=503, times=3)
    return await _six(stage, lane), monotonic()


async def _nats_away(stage: Scene, lane: int) -> tuple[Sequence[Said], float]:
    said = await _six(stage, lane)
    since = monotonic()
    await stage.tzurot.restart("nats")
    return said, since


async def _postgres_away(stage: Scene, lane: int) -> tuple[Sequence[Said], float]:
    said = await _six(stage, lane)
    since = monotonic()
    await stage.tzurot.restart("postgres")
    return said, since


DISTURBANCES: tuple[Callable[[Scene, int], Awaitable[tuple[Sequence[Said], float]]], ...] = (
    _bot_killed,
    _refused_three_times,
    _nats_away,
    _postgres_away,
)


async def _heard(stage: Scene, said: Sequence[Said]) -> None:
    """Until the log has a turn for each of them."""
    await _counted(stage, said, "turn.requested", "message_id")


async def _finished(stage: Scene, said: Sequence[Said]) -> None:
    """Until each of these turns has ended."""

    async def look() -> bool:
        rows = await oracle.events(stage.tzurot.dsn)
        ids = {str(one.id) for one in said}
        turns = {row.turn for row in rows if row.type == "turn.requested" and str(row.data["message_id"]) in ids}
        return turns <= {row.turn for row in rows if row.type in ("turn.completed", "turn.failed")}

    await until(look, 60.0, "every waiting turn has ended")


async def _counted(stage: Scene, said: Sequence[Said], kind: str, field: str) -> None:
    ids = {str(one.id) for one in said}

    async def look() -> bool:
        rows = await oracle.events(stage.tzurot.dsn)
        return ids <= {str(row.data[field]) for row in rows if row.type == kind}

    await until(look, 60.0, f"{kind} of each message")


async def r46(run: Run) -> None:
    """R46: two bots live at once; the one that leads is killed, or frozen and waked again. One post for each answer.

    A trial is one change of who leads, with four people waiting and four who speak while nobody leads.
    """
    async with scene(lanes=LED_IN) as stage:
        await led(run, stage)
        await stage.judge(run)
        run.figures["answers"] = len(stage.said)


async def led(run: Run, stage: Scene) -> None:
    """The trials of R46; both bots live afterwards."""
    leads, waits = "bot", "bot2"
    await stage.tzurot.start(waits)
    killed: list[float] = []
    async for trial in run.each():
        said = [await stage.say(lane) for lane in range(LED_IN // 2)]
        await asyncio.sleep(random.uniform(0.0, 0.6))
        frozen, since = trial % 5 == 4, monotonic()
        if frozen:
            stage.tzurot.pause(leads)
        else:
            await stage.kill(leads)
        said += [await stage.say(lane) for lane in range(LED_IN // 2, LED_IN)]
        before = len(run.recoveries)
        await asyncio.gather(*(stage.follow(run, one, since) for one in said))
        if not frozen:
            killed += run.recoveries[before:]
            await stage.tzurot.start(leads)
        else:
            stage.tzurot.resume(leads)
        leads, waits = waits, leads
    run.figures["killed_recovery_max_s"] = round(max(killed, default=0.0), 3)
    run.in_time(max(killed, default=0.0) <= TAKEOVER_S, f"the other bot took over after {max(killed, default=0.0):.1f} s")


async def twins(run: Run) -> None:
    """TWINS: two bots live at once and both lead, for good. Each message gets one post, in the order of the log.

    A trial is one message; several people at once speak in each of several channels.
    """
    async with scene(lanes=TWINS_IN, parts=("projections", "worker", *TWINS)) as stage:
        await led_by_both(run, stage)
        await stage.judge(run)


async def led_by_both(run: Run, stage: Scene) -> None:
    """The trials of TWINS."""
    told, before = len(stage.said), _sent(stage)
    async for _ in run.each(TWINS_IN * AT_A_TIME):
        since = monotonic()
        said = [await stage.say(lane, user=f"p{number}-{lane}") for number in range(AT_A_TIME) for lane in range(TWINS_IN)]
        await asyncio.gather(*(stage.follow(run, one, since) for one in said))
    await stage.rest()
    asked = list(stage.said.values())[told:]
    sent = {part: count - before[part] for part, count in _sent(stage).items()}
    run.figures |= {"asked": len(asked), "posts": sum(len(stage.answers(said)) for said in asked), "sent": sent}
    run.expect(min(sent.values()) > 0, f"one of the two sent nothing: {sent}")
    run.expect(run.figures["posts"] == sum(sent.values()) == len(asked), f"{len(asked)} answers and {sent} posts")


def _sent(stage: Scene) -> dict[str, int]:
    return {part: stage.tzurot.log_of(part).count(headstrong.SENT) for part in TWINS}


async def r49(run: Run, messages: int = 1000) -> None:
    """R49: the bot dies after Discord took the post; hundreds of messages follow before it is back. It finds and adopts its post.

    `--events` is how many messages follow in every tenth trial; in the others it is 120.
    """
    async with scene(lanes=4) as stage:
        await stage.tzurot.restart("bot", FAIL_AFTER_POST)
        async for trial in run.each():
            said = await stage.say(trial % 4)
            await stage.tzurot.died("bot")
            for number in range(int(run.events or messages) if trial % 10 == 0 else 120):
                await stage.discord.say(said.channel, "bystander", f"something else {number}")
            since = monotonic()
            await stage.tzurot.start("bot", FAIL_AFTER_POST)
            await stage.rest()
            run.recoveries.append(monotonic() - since)
            run.expect(len(stage.answers(said)) == 1, f"{said.word} was posted {len(stage.answers(said))} times")
        await stage.tzurot.restart("bot")
        await stage.judge(run)
