"""The page of the regex scripts of a character or a server: in the order in which they run, with a text tried on them live."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot import editing, scripts, undoing
from bot.console import addresses
from bot.console.pages.editing import Draft, key_of
from bot.console.pages.playground import field
from bot.console.people import called
from bot.console.render import by_script, go, page, refusing
from bot.console.state import OPERATOR, Console, console_of
from engine import ids
from engine.actor import operator
from engine.decide.craft.script import PutScript, RemoveScript, SetScripts
from engine.decide.rejected import Rejected
from engine.execute import execute
from engine.resources.craft.kinds import SCRIPT
from engine.resources.craft.script import ScriptScope, ScriptSheet
from engine.resources.field import pages, values
from engine.resources.kinds import CHARACTER, defaults, typed
from engine.resources.typed import Wrong, show

ACTOR = operator(OPERATOR)
LONGEST_TRIAL = 4_000
"""Characters of a text that is tried."""
BASES = ("/characters/{id:uuid}/scripts", f"{addresses.SERVER}/scripts")


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose scripts they are: what they are set for, its name as it is said, its page and theirs."""

    scope: ScriptScope
    target: str
    name: str
    page: str

    @property
    def base(self) -> str:
        return f"{self.page}/scripts"


def routes() -> list[Route]:
    """Every address."""
    return [route for base in BASES for route in _routes(base)]


def _routes(base: str) -> list[Route]:
    return [
        Route(base, refusing(listed)),
        Route(base, refusing(_put), methods=["POST"]),
        Route(f"{base}/test", refusing(_tried), methods=["POST"]),
        Route(f"{base}/import", refusing(_import), methods=["POST"]),
        Route(f"{base}/{{what:str}}", refusing(_act), methods=["POST"]),
    ]


async def listed(request: Request) -> Response:
    """`GET /characters/{id}/scripts?edit=NAME`, or of `/servers/{number}`: the scripts, and the form of one of them or of a new one."""
    return await _listed(request)


async def _listed(
    request: Request, draft: Draft | None = None, status: int = 200, tried: Sequence[tuple[str, str]] = (), text: str = ""
) -> Response:
    console, owner = console_of(request), await _owner(request)
    found = await scripts.sheets_of(console.log, owner.scope, owner.target)
    wanted = request.query_params.get("edit", "")
    chosen = next((sheet for sheet in found if sheet.name == wanted), None)
    before = values(chosen) if chosen is not None else defaults(SCRIPT)
    context = {
        "owner": owner,
        "base": owner.base,
        "scripts": found,
        "chosen": chosen,
        "pages": dict(pages(SCRIPT.sheet)),
        "draft": draft or Draft({spec.key: show(spec, before[spec.key]) for spec in SCRIPT.fields}),
        "presets": {},
        "tried": tried,
        "text": text,
        "key": ids.random_id(),
        "changed": _id(request.query_params.get("changed", "")),
    }
    return page(request, "scripts.html", context, section="Characters" if owner.scope == "character" else "Conversations", status=status)


async def _put(request: Request) -> Response:
    """Save the form: a new script, or the one that it was opened for, under whatever name it has now."""
    console, form, owner = console_of(request), await request.form(), await _owner(request)
    texts, was, key = _texts(form), field(form, "was"), key_of(form)
    known = await scripts.sheets_of(console.log, owner.scope, owner.target)
    old = next((sheet for sheet in known if sheet.name == was), None) if was else None
    before = values(old) if old is not None else defaults(SCRIPT)
    after, wrong = typed(SCRIPT, before, texts, new=old is None)
    if not wrong and _taken(known, str(after["name"]), old):
        wrong = {"name": "There is a script of that name already."}
    if wrong:
        full = {spec.key: texts.get(spec.key, show(spec, before[spec.key])) for spec in SCRIPT.fields}
        return await _listed(request, Draft(full, wrong), 422)
    await execute(console.log, ACTOR, PutScript(owner.scope, owner.target, was or str(after["name"]), after), key, see=["scripts"])
    return go(f"{owner.base}?changed={key}")


def _taken(known: Sequence[ScriptSheet], name: str, old: ScriptSheet | None) -> bool:
    return any(sheet.name.casefold() == name.casefold() and sheet is not old for sheet in known)


async def _act(request: Request) -> Response:
    """Remove a script, let it run earlier or later, or take the last change back."""
    console, form, owner = console_of(request), await request.form(), await _owner(request)
    what, key = str(request.path_params["what"]), key_of(form)
    if what == "undo":
        if not (of := _id(field(form, "of"))):
            raise Rejected("There is nothing to take back.")
        await undoing.take_back(console.log, ACTOR, UUID(of))
        return go(f"{owner.base}")
    await execute(console.log, ACTOR, await _command(console, owner, what, field(form, "name")), key, see=["scripts"])
    return go(f"{owner.base}?changed={key}")


async def _command(console: Console, owner: Owner, what: str, name: str) -> RemoveScript | SetScripts:
    if what == "remove":
        return RemoveScript(owner.scope, owner.target, name)
    known = list(await scripts.sheets_of(console.log, owner.scope, owner.target))
    at = next((at for at, sheet in enumerate(known) if sheet.name == name), None)
    if what not in ("earlier", "later") or at is None:
        raise Rejected("There is no such thing to do with a script.")
    to = min(max(at + (-1 if what == "earlier" else 1), 0), len(known) - 1)
    known.insert(to, known.pop(at))
    return SetScripts(owner.scope, owner.target, tuple(known))


async def _import(request: Request) -> Response:
    """The scripts of a file of SillyTavern's, behind those there are."""
    async with request.form() as form:
        file, key = form.get("file"), key_of(form)
        if not isinstance(file, UploadFile) or not file.filename:
            raise Wrong("Choose a file first.")
        raw = await file.read()
    console, owner = console_of(request), await _owner(request)
    found = await scripts.read_file(raw)
    if not found.sheets:
        raise Rejected(" ".join(found.notes))
    await scripts.add(console.log, ACTOR, owner.scope, owner.target, found, key)
    return go(f"{owner.base}?changed={key}")


async def _tried(request: Request) -> Response:
    """`POST …/test`: what a text becomes, wherever it may be met."""
    console, form, owner = console_of(request), await request.form(), await _owner(request)
    text = field(form, "text")[:LONGEST_TRIAL]
    tried = scripts.trial(await scripts.sheets_of(console.log, owner.scope, owner.target), text)
    if by_script(request):
        return page(request, "_scripts_tried.html", {"tried": tried})
    return await _listed(request, tried=tried, text=text)


async def _owner(request: Request) -> Owner:
    if (number := request.path_params.get("number")) is not None:
        names = await called(console_of(request), (), places=[number])
        return Owner("guild", str(number), names.server(number), f"/servers/{number}")
    found = await editing.by_id(console_of(request).log, CHARACTER, ACTOR, request.path_params["id"])
    if found is None:
        raise Rejected("There is no such character. It may have been deleted.")
    return Owner("character", str(found.id), found.name, f"/characters/{found.id}")


def _texts(form: FormData) -> dict[str, str]:
    """The form's fields. A switch is sent twice when it is on: the last one counts."""
    found = {spec.key: [text for text in form.getlist(spec.key) if isinstance(text, str)] for spec in SCRIPT.fields}
    return {key: texts[-1].replace("\r\n", "\n") for key, texts in found.items() if texts}


def _id(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        return ""
