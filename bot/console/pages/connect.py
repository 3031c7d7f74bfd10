"""Connecting a model: address, key and model; a worker tries them, and what it found out is shown. No restart is needed."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bot.console.pages.playground import field
from bot.console.render import fragment, go, page, problem
from bot.console.state import OPERATOR, Console, console_of
from engine import clock, ids
from engine.actor import operator
from engine.decide.job import Ask, job_id
from engine.decide.rejected import Rejected
from engine.decide.spending.provider import Disconnect, address
from engine.events.job import JobCompleted, JobFailed, JobRequested
from engine.execute import execute
from engine.outside import given
from projections import provider

SECTION = "Connect a model"
PATIENCE_SECONDS = 14.0
NEARBY_SECONDS = 4.0
FRESH_SECONDS = 30
"""How long what was found on this machine is taken for what is there."""
LONGEST_KEY = 500
OFFERS = {"OpenRouter": "https://openrouter.ai/api/v1", "OpenAI": "https://api.openai.com/v1"}


@dataclass(frozen=True, slots=True)
class Answers:
    """What stands in the form. `key_id`: the key was sent already and is sealed."""

    address: str = ""
    model: str = ""
    key_id: str = ""
    sentence: str = ""
    models: tuple[str, ...] = ()


async def show(request: Request) -> Response:
    """`GET /connect`: the form, and what is connected."""
    return _form(request, Answers(request.query_params.get("address", "")[:300]))


def _form(request: Request, answers: Answers, status: int = 200) -> Response:
    console = console_of(request)
    settings = console.settings
    configured = "" if console.models.standin else settings.provider_base_url or "OpenRouter"
    context = {"answers": answers, "connected": console.models.connected, "configured": configured, "offers": OFFERS}
    return page(request, "connect.html", context, section=SECTION, status=status)


async def send(request: Request) -> Response:
    """`POST /connect`: seal the key and have a worker try it all."""
    console, form = console_of(request), await request.form()
    answers = Answers(field(form, "address").strip()[:300], field(form, "model").strip()[:200], field(form, "key_id"))
    try:
        key_id = await _key(console, form)
        asked = {"address": address(answers.address), "model": answers.model}
    except Rejected as no:
        return _form(request, Answers(answers.address, answers.model, answers.key_id, str(no)), 422)
    about = str(ids.random_id())
    job = job_id("connect_provider", about)
    command = Ask(job, "connect_provider", about, {"key_id": str(key_id)} if key_id else {}, personal=asked)
    await execute(console.log, operator(OPERATOR), command, job)
    return go(f"/connect/{job}")


async def _key(console: Console, form: FormData) -> UUID | None:
    """The id of the key that was typed, or of one that was sent before. Raises Rejected."""
    secret = given.trimmed("provider_api_key", field(form, "key"))
    if len(secret) > LONGEST_KEY:
        raise Rejected(f"A key has at most {LONGEST_KEY} characters.")
    if secret:
        try:
            return await provider.keep(console.log, given.checked("provider_api_key", secret))
        except ValueError as error:
            raise Rejected(f"The key {error}.") from None
    try:
        return UUID(field(form, "key_id")) if field(form, "key_id") else None
    except ValueError:
        return None


async def outcome(request: Request) -> Response:
    """`GET /connect/{job}`: what became of it, as soon as a worker has tried."""
    console, job = console_of(request), request.path_params["job"]
    asked, ended = await _ended(console, job, PATIENCE_SECONDS)
    if asked is None or asked.name != "connect_provider":
        return problem(request, 404, "No such try", "Connect a model from its page.")
    answers = Answers(_text(asked.personal, "address"), _text(asked.personal, "model"), _text(asked.parameters, "key_id"))
    match ended:
        case JobCompleted() if ended.result.get("connected"):
            await console.look_at_models()
            return page(request, "connected.html", {"sentence": _text(ended.personal, "sentence")}, section=SECTION)
        case JobCompleted():
            listed = ended.personal.get("models")
            models = tuple(str(one) for one in listed) if isinstance(listed, list) else ()
            said = _text(ended.personal, "sentence")
            return _form(request, Answers(answers.address, answers.model, answers.key_id, said, models))
        case JobFailed():
            said = f"It could not be tried: {ended.why}"
        case _:
            said = "No worker has tried it yet. Health tells whether one runs; then load this page again."
    return _form(request, Answers(answers.address, answers.model, answers.key_id, said))


def _text(values: Mapping[str, Any], name: str) -> str:
    return str(values.get(name) or "")


async def _ended(console: Console, job: UUID, seconds: float) -> tuple[JobRequested | None, JobCompleted | JobFailed | None]:
    """The request and the end of a job, waiting for it so long."""
    deadline = clock.monotonic() + seconds
    with console.feed.watch() as watch:
        while True:
            events = [recorded.event for recorded in await console.log.stream(f"job:{job}")]
            asked = next((event for event in events if isinstance(event, JobRequested)), None)
            ended = next((event for event in reversed(events) if isinstance(event, JobCompleted | JobFailed)), None)
            left = deadline - clock.monotonic()
            if asked is None or ended is not None or left <= 0 or console.feed.closing.is_set():
                return asked, ended
            await asyncio.sleep(0.05)
            await watch.wait(min(left, 1.0))


async def nearby(request: Request) -> Response:
    """`GET /connect/nearby`: programs on the worker's machine that offer models, as links into the form."""
    console = console_of(request)
    about = f"console:{int(clock.now().timestamp()) // FRESH_SECONDS}"
    job = job_id("nearby_providers", about)
    await execute(console.log, operator(OPERATOR), Ask(job, "nearby_providers", about), job)
    _, ended = await _ended(console, job, NEARBY_SECONDS)
    found = ended.personal.get("nearby") if isinstance(ended, JobCompleted) else None
    return HTMLResponse(fragment("_nearby.html", found=found if isinstance(found, list) else None))


async def disconnect(request: Request) -> Response:
    """`POST /connect/off`: ask where the settings say again."""
    console = console_of(request)
    await execute(console.log, operator(OPERATOR), Disconnect(), ids.random_id())
    await provider.forget(console.log, but=None)
    await console.look_at_models()
    return go("/connect")
