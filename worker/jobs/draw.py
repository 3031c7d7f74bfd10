"""Makes a picture for a reply: once the reply is there, under a permit, and shown below its text. Whatever fails, the text stands.

What was paid for is kept before anything else is done with it, so that a worker that dies has the same picture shown, once.
"""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from engine import blobs, clock, ids
from engine.blobs import pictures
from engine.blobs.pictures import NotAPicture
from engine.decide.job import RetryPolicy
from engine.decide.spending.spend import Refusal
from engine.events.base import user_subject
from engine.events.turn import TurnCompleted
from engine.failpoints import failpoint
from engine.outside import clean
from engine.resources.craft.tools import Unusable
from projections.models import keys, provider_models
from projections.prompt import tokens
from worker import spend
from worker.jobs.running import GiveUp, Handler, Later, Result, RunningJob
from worker.providers import drawing
from worker.providers.chat import Endpoint
from worker.providers.drawing import Dialect, Drawn
from worker.providers.failure import ProviderFailed
from worker.spend import Allowed, Payer
from worker.tools import web
from worker.turn import made
from worker.turn.made import Media
from worker.work import OPENROUTER, Work

NAME = "draw"
PICTURE_TOKENS = 1500
"""Tokens a picture is taken to cost before it is known."""
PATIENCE_S, AGAIN = 20.0, timedelta(seconds=10)
LONGEST_ALT = 1000
"""Characters: Discord takes 1,024."""


def about(turn: UUID, step: int, index: int) -> str:
    """What the job of a use of the tool is about. Pure."""
    return f"{turn}:{step}:{index}"


async def run(job: RunningJob) -> Result:
    """Wait for the reply, have the picture made, have it shown."""
    turn_id, step, index = job.about.split(":")
    turn = await _reply(job, UUID(turn_id))
    address = str(job.cursor.get("picture") or "")
    content = await blobs.get(job.work.log.pool, job.work.log.vault, address) if address else None
    if content is None:
        content = await _made(job, turn)
        address = await blobs.put(job.work.log.pool, job.work.log.vault, content, user_subject(turn.user_id))
        await job.progress(0, 1, {"picture": address}, now=True)
    failpoint("draw.made")
    await job.work.log.append(await made.keep(job.work.log, turn, _media(job, content), int(step) * 100 + int(index)))
    return {"picture": address}


async def _reply(job: RunningJob, turn: UUID) -> TurnCompleted:
    """The reply the picture is for. Raises GiveUp where there will be none, Later while it is written."""
    deadline, pause = clock.monotonic() + PATIENCE_S, 0.05
    while (end := await job.work.log.find(ids.terminal(turn))) is None:
        if clock.monotonic() > deadline:
            raise Later(clock.now() + AGAIN, "The reply is not there yet.")
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 1.0)
    if not isinstance(end.event, TurnCompleted) or end.erased or not job.personal.get("prompt"):
        raise GiveUp("There is no reply that the picture could stand below.")
    if await job.work.log.find(ids.message_event(end.event.message_id, "deleted")) is not None:
        raise GiveUp("The message was deleted.")
    return end.event


def _media(job: RunningJob, content: bytes) -> Media:
    model, kind = str(job.work.settings.image_model), pictures.suffix(content)
    alt = clean.name(str(job.personal.get("alt") or "") or str(job.personal["prompt"]), LONGEST_ALT)
    caption = f"-# Made by a model (`{clean.name(model, 100).replace('`', '')}`)"
    media_type = pictures.media_type(content) or "image/png"
    return Media("picture", content, media_type, kind, job.work.endpoint.name, model, caption=caption, alt=f"Generated: {alt}")


async def _made(job: RunningJob, turn: TurnCompleted) -> bytes:
    """A harmless picture of what was asked for, paid for by whoever pays for the reply."""
    drawn = await _drawn(job, turn, str(job.personal["prompt"]))
    try:
        content = drawn.content or await web.picture(job.work, drawn.url)
        return (await asyncio.to_thread(pictures.prepared, content)).content
    except Unusable as error:
        raise GiveUp(str(error)) from None
    except NotAPicture as error:
        raise GiveUp(f"What the model made cannot be shown: {error}") from None


async def _drawn(job: RunningJob, turn: TurnCompleted, prompt: str) -> Drawn:
    work, name = job.work, job.work.settings.image_model
    if not name:
        raise GiveUp("No model that makes pictures is set. Set IMAGE_MODEL.")
    async with work.log.pool.connection() as connection:
        model = (await provider_models.known(connection, [name]))[name]
        own = await keys.of_user(connection, turn.user_id, work.endpoint.name) if work.settings.image_base_url is None else None
    trusted = turn.venue == "playground" or turn.user_id in work.settings.owner_ids
    who = replace(spend.payer_of_job(work, turn.user_id, own), guild_id=turn.guild_id, trusted=trusted, turn_id=turn.turn_id)
    call_id = ids.derived("call", job.id, job.attempt)
    estimate = model.cost(tokens.count(prompt), PICTURE_TOKENS)
    allowed = await spend.authorize(work, who, model, call_id, estimate=estimate, purpose=NAME)
    if isinstance(allowed, Refusal):
        raise GiveUp(f"No call: {allowed.why}.") if allowed.until is None else Later(allowed.until, f"No call yet: {allowed.why}.")
    return await _paid(job, who, allowed, prompt)


async def _paid(job: RunningJob, who: Payer, allowed: Allowed, prompt: str) -> Drawn:
    work = job.work
    cost: float | None = None  # not known: what was broken off may have been billed
    endpoint, dialect = at(work, allowed.endpoint)
    try:
        drawn = await drawing.draw(work.http, endpoint, allowed.permit, prompt, dialect=dialect, seconds=work.seconds, call=str(job.id))
        cost = drawn.usage.cost
        await spend.succeeded(work, allowed)
    except ProviderFailed as failure:
        cost = 0.0
        await spend.failed(work, who, allowed, failure.fault)
        raise
    finally:
        await work.log.append(spend.settled(who, allowed, cost))
    return drawn


def at(work: Work, provider: Endpoint) -> tuple[Endpoint, Dialect]:
    """Where pictures are asked for, and how. Pure."""
    known = work.settings
    key = known.image_api_key.get_secret_value() if known.image_api_key else None
    endpoint = Endpoint("images", known.image_base_url, key) if known.image_base_url else provider
    if known.image_api != "auto":
        return endpoint, known.image_api
    return endpoint, "chat" if endpoint.base_url.rstrip("/") == OPENROUTER else "images"


HANDLER = Handler(NAME, run, RetryPolicy(attempts=3, first=5.0, longest=120.0), at_once=2)
