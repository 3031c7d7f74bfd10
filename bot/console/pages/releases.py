"""`POST /hooks/release`: a signed webhook tells of a release (F10), in the form GitHub sends."""

import json

from starlette.datastructures import State
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from bot.console.door import Brake
from bot.console.state import OPERATOR, console_of
from engine import clock, ids
from engine.actor import operator
from engine.decide.places.bulletin import release_of, signed
from engine.decide.rejected import Rejected
from engine.execute import execute


async def heard(request: Request) -> Response:
    """Keep the release: once, however often it is sent. 401 for a wrong signature, 404 where no secret is set.

    A peer whose signatures are wrong waits as one that guesses the console's password does: 429.
    """
    console = console_of(request)
    secret = console.settings.release_webhook_secret
    if secret is None:
        return PlainTextResponse("Set RELEASE_WEBHOOK_SECRET to take news of releases.\n", 404)
    brake, peer = _brake(request.app.state), request.state.caller.peer
    if (seconds := brake.wait(clock.monotonic(), peer)) > 0:
        said = f"Too many wrong signatures. Try again in {seconds:.0f} seconds.\n"
        return PlainTextResponse(said, 429, {"retry-after": f"{max(seconds, 1):.0f}"})
    body = await request.body()
    if not signed(secret.get_secret_value(), body, request.headers.get("x-hub-signature-256", "")):
        brake.wrong(clock.monotonic(), peer)
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


def _brake(state: State) -> Brake:
    """The count of wrong signatures of this application, apart from that of passwords."""
    found = getattr(state, "hook_brake", None)
    if not isinstance(found, Brake):
        found = state.hook_brake = Brake()
    return found
