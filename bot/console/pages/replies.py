"""What is done with a reply in the playground: another version, stepping, words of one's own, going on, taking away and back."""

from dataclasses import dataclass
from uuid import UUID

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from bot.console.addresses import REPLY
from bot.console.pages import conversation
from bot.console.pages.playground import field
from bot.console.render import by_script, fragment, go, problem
from bot.console.state import OPERATOR, Console, console_of
from engine import ids
from engine.actor import operator
from engine.decide import reply
from engine.decide.rejected import Rejected
from engine.events.reply import ReplyDeleted
from engine.execute import Executed, execute, undo
from projections import replies

SHOWN_BY = ("history", "turns", "deliveries")


@dataclass(frozen=True, slots=True)
class ChatReply:
    """The reply that an address names."""

    channel: int
    message: int
    character: UUID

    @property
    def base(self) -> str:
        return f"/chats/{self.channel}/replies/{self.message}/{self.character}"


async def act(request: Request) -> Response:
    """`POST .../{action}`: carry it out. A script gets what stands above the composer: nothing, a sentence, or a way back."""
    console, form, path = console_of(request), await request.form(), request.path_params
    target = ChatReply(path["channel"], path["message"], path["character"])
    if not await is_here(console, target):
        return problem(request, 404, "No such reply", "It may belong to another conversation.")
    try:
        done, key = await _carried_out(console, target, path["action"], form)
    except Rejected as rejected:
        return refused(request, rejected)
    return shown(request, target, done, key)


def refused(request: Request, rejected: Rejected) -> Response:
    """Say why something was not done."""
    if by_script(request):
        return HTMLResponse(fragment("_refused.html", sentence=str(rejected)), 422)
    return problem(request, 422, "That was not done", str(rejected))


def shown(request: Request, target: ChatReply, done: Executed | None, key: UUID | None, said: str = "") -> Response:
    """What was done: a script gets what stands above the composer, nothing, a sentence or a way back."""
    console_of(request).feed.touch({target.channel})
    if not by_script(request):
        return go(f"/chats/{target.channel}")
    taken = next((event for event in (done.events if done else ()) if isinstance(event, ReplyDeleted)), None)
    back = taken is not None and taken.version in (None, taken.shown)
    return HTMLResponse(fragment("_reply_done.html", base=target.base, key=key if back else None, said=said))


async def is_here(console: Console, target: ChatReply) -> bool:
    """Whether the message that is answered was said in this conversation."""
    if not await conversation.exists(console, target.channel):
        return False
    requested = await console.log.row(ids.message_event(target.message, "received"))
    return requested is not None and requested.channel == target.channel


async def _carried_out(console: Console, target: ChatReply, action: str, form: FormData) -> tuple[Executed, UUID]:
    key, me = ids.random_id(), operator(OPERATOR)
    if action == "undo":
        return await undo(console.log, me, _uuid(form, "key") or key, key, see=SHOWN_BY), key
    return await execute(console.log, me, _command(target, action, form), key, see=SHOWN_BY), key


def _command(target: ChatReply, action: str, form: FormData) -> reply.ReplyCommand:
    of, version = (target.message, target.character), _uuid(form, "version")
    match action:
        case "regenerate":
            return reply.Regenerate(*of, wish=field(form, "wish"))
        case "continue":
            return reply.Continue(*of)
        case "edit":
            return reply.EditReply(*of, text=field(form, "text"))
        case "delete":
            return reply.DeleteReply(*of, version=version)
        case "choose" if version is not None:
            return reply.ChooseVersion(*of, version=version)
        case _:
            raise Rejected("There is nothing like that to be done with a reply.")


def _uuid(form: FormData, name: str) -> UUID | None:
    try:
        return UUID(field(form, name))
    except ValueError:
        return None


async def changes(console: Console, channel: int, after: int, until: int) -> list[int]:
    """Messages of replies that were taken away since a position."""
    async with console.log.pool.connection() as connection:
        return await replies.gone(connection, channel, after, until)


ROUTES = (Route(REPLY + "/{action:str}", act, methods=["POST"]),)
