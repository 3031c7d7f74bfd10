"""Who takes part in a chat of the playground: more characters come in, and go again."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.console.addresses import CHAT
from bot.console.pages import conversation
from bot.console.pages.playground import field
from bot.console.render import go, problem
from bot.console.speak import cast_of
from bot.console.state import OPERATOR, VENUE, console_of
from engine import ids
from engine.actor import operator
from engine.decide.channel import Activate, Deactivate, Where
from engine.decide.rejected import Rejected
from engine.execute import execute


async def change(request: Request) -> Response:
    """`POST /chats/{channel}/cast`: `what` is to let the character `character` (short name) come in, `add`, or go, `remove`."""
    console, channel, form = console_of(request), int(request.path_params["channel"]), await request.form()
    if not await conversation.exists(console, channel):
        return problem(request, 404, "No such conversation", "It may belong to another installation. Start a new one in the playground.")
    wanted = next((one for one in await cast_of(console) if one.slug == field(form, "character")), None)
    here, _ = await conversation.taking_part(console, channel)
    if wanted is None:
        return problem(request, 422, "Nobody changed", "There is no such character. Choose one of the list.")
    adding = field(form, "what") == "add"
    if not adding and [one.id for one in here] == [wanted.id]:
        return problem(request, 422, "Nobody changed", "Somebody has to stay. Let another character come in first, or start a new chat.")
    where = Where(channel, None, VENUE)
    command = Activate(where, wanted.id) if adding else Deactivate(where, wanted.id)
    try:
        await execute(console.log, operator(OPERATOR), command, ids.random_id(), see=("channels",))
    except Rejected as rejected:
        return problem(request, 409, "Nobody changed", str(rejected))
    return go(f"/chats/{channel}")


ROUTES = (Route(f"{CHAT}/cast", change, methods=["POST"]),)
