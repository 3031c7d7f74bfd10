"""`POST /hooks/release`: a signed webhook tells of a release (F10), in the form GitHub sends."""

import json

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from bot.console.state import OPERATOR, console_of
from engine import ids
from engine.actor import operator
from engine.decide.places.bulletin import release_of, signed
from engine.decide.rejected import Rejected
from engine.execute import execute


async def heard(request: Request) -> Response:
    """Keep the release: once, however often it is sent. 401 for a wrong signature, 404 where no secret is set."""
    console = console_of(request)
    secret = console.settings.release_webhook_secret
    if secret is None:
        return PlainTextResponse("Set RELEASE_WEBHOOK_SECRET to take news of releases.\n", 404)
    body = await request.body()
    if not signed(secret.get_secret_value(), body, request.headers.get("x-hub-signature-256", "")):
        return PlainTextResponse("The signature is wrong.\n", 401)
    try:
        command = release_of(json.loads(body))
    except (ValueError, RecursionError):
        return PlainTextResponse("That is no JSON.\n", 400)
    if command is None:
        return PlainTextResponse("Nothing to tell.\n", 202)
    try:
        done = await execute(console.log, operator(OPERATOR), command, ids.derived("release", command.version))
    except Rejected as rejected:
        return PlainTextResponse(f"{rejected}\n", 422)
    return PlainTextResponse("Kept.\n" if done.events and not done.repeated else "Known.\n", 202)
