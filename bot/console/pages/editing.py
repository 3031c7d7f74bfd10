"""Pages of what people edit: look at one, fill in its form, duplicate, delete and undo, export, import. The same for every kind."""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot import avatars, cards, editing, undoing
from bot.console.pages import playground
from bot.console.render import Handler, go, page, problem, refusing
from bot.console.state import OPERATOR, Console, console_of
from bot.editing import Item
from engine import ids
from engine.actor import operator
from engine.decide import preset as presets
from engine.decide.places import persona
from engine.decide.rejected import Rejected
from engine.resources.field import FieldSpec, pages
from engine.resources.files import to_file
from engine.resources.kinds import CHARACTER, PRESET, Kind, defaults, typed
from engine.resources.places.kinds import PERSONA
from engine.resources.preset import PresetSheet
from engine.resources.typed import Wrong, show
from projections.models import provider_models
from projections.models.places import personas

PRESET_BYTES = 4 * 1024 * 1024
ACTOR = operator(OPERATOR)
SECTION = {"character": "Characters", "preset": "Presets", "persona": "Personas"}
FILES: Mapping[str, cards.FileForm] = {"json": "tzurot", "png": "png", "charx": "charx", "v3.json": "json", "v2.json": "v2"}
"""How the address of an exported character ends, to the form of the file."""
MODELS = 300
"""How many models of the catalogue a form suggests."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A form as it is shown: texts by field, and what is wrong with them."""

    texts: Mapping[str, str]
    wrong: Mapping[str, str] = field(default_factory=dict)

    @property
    def first_wrong(self) -> str:
        """The field that gets the focus."""
        return next((key for key in self.texts if key in self.wrong), "")


def routes(kind: Kind[Any]) -> list[Route]:
    """Every address of a kind but its list: what makes a new one, and what is done to one."""
    base, one = f"/{kind.name}s", f"/{kind.name}s/{{id:uuid}}"
    return [
        Route(base, _bound(kind, _create), methods=["POST"]),
        Route(f"{base}/new", _bound(kind, _new)),
        Route(f"{base}/import", _bound(kind, _import), methods=["POST"]),
        Route(one, _bound(kind, _look)),
        Route(f"{one}/edit", _bound(kind, _form)),
        Route(f"{one}/edit", _bound(kind, _save), methods=["POST"]),
        Route(f"{one}/duplicate", _bound(kind, _duplicate), methods=["POST"]),
        Route(f"{one}/delete", _bound(kind, _delete), methods=["POST"]),
        Route(f"{one}/restore", _bound(kind, _restore), methods=["POST"]),
        Route(f"{one}/undo", _bound(kind, _undo), methods=["POST"]),
        Route(f"{one}/export.json", _bound(kind, _export)),
        *([Route(f"{one}/export.{{form}}", _bound(kind, _export))] if kind is CHARACTER else []),
        *([Route(f"{one}/default", refusing(_default), methods=["POST"])] if kind is PRESET else []),
        *([Route(f"{one}/wear", refusing(_wear), methods=["POST"])] if kind is PERSONA else []),
    ]


def _bound(kind: Kind[Any], handler: Callable[[Kind[Any], Request], Awaitable[Response]]) -> Handler:
    return refusing(lambda request: handler(kind, request))


async def presets_list(request: Request) -> Response:
    """`GET /presets`."""
    found = await editing.items(console_of(request).log, PRESET, ACTOR)
    return page(request, "presets.html", {"presets": found, "gone": deleted_id(request), "key": ids.random_id()}, section="Presets")


async def personas_list(request: Request) -> Response:
    """`GET /personas`."""
    found = await editing.items(console_of(request).log, PERSONA, ACTOR)
    context = {"personas": found, "gone": deleted_id(request), "key": ids.random_id(), "operator": OPERATOR}
    return page(request, "personas.html", context, section="Personas")


def deleted_id(request: Request) -> str:
    """The id of what was just deleted, to offer it back."""
    return _id(request.query_params.get("deleted", ""))


def _id(text: str) -> str:
    """A text that is an id; else empty."""
    try:
        return str(UUID(text))
    except ValueError:
        return ""


async def _item(kind: Kind[Any], request: Request) -> Item:
    found = await editing.by_id(console_of(request).log, kind, ACTOR, request.path_params["id"])
    if found is None:
        raise Rejected(f"There is no such {kind.name}. It may have been deleted.")
    return found


async def _look(kind: Kind[Any], request: Request) -> Response:
    console, item = console_of(request), await _item(kind, request)
    known = await _presets(console) if kind is CHARACTER else {}
    groups: dict[str, list[tuple[FieldSpec, str]]] = {}
    for spec, text in editing.shown(item, everything=False, presets={UUID(k): v for k, v in known.items() if k}):
        if spec.stored:
            continue  # seen, not read
        groups.setdefault(spec.shown.page, []).append((spec, editing.filled(text, item.name) if kind is CHARACTER else text))
    preview = await editing.preview(console.log, item.sheet) if isinstance(item.sheet, PresetSheet) else None
    context = {"item": item, "groups": groups, "preview": preview, "key": ids.random_id(), "operator": OPERATOR}
    context |= {"changed": _id(request.query_params.get("changed", "")), "worn": await _worn(console, item)}
    context["used"] = await editing.last_used(console.log, item)
    return page(request, "resource.html", context, section=SECTION[kind.name])


async def _new(kind: Kind[Any], request: Request) -> Response:
    values = defaults(kind)
    return await _shown(kind, request, None, Draft({spec.key: show(spec, values[spec.key]) for spec in _typable(kind)}), ids.random_id())


async def _form(kind: Kind[Any], request: Request) -> Response:
    item = await _item(kind, request)
    texts = {spec.key: show(spec, item.values[spec.key]) for spec in _typable(kind)}
    return await _shown(kind, request, item, Draft(texts), ids.random_id())


async def _shown(kind: Kind[Any], request: Request, item: Item | None, draft: Draft, key: UUID, status: int = 200) -> Response:
    console = console_of(request)
    context = {
        "kind": kind.name,
        "item": item,
        "pages": {name: [spec for spec in specs if spec in _typable(kind)] for name, specs in pages(kind.sheet).items()},
        "draft": draft,
        "key": key,
        "seen": _mark(item) if item else "",
        "presets": await _presets(console) if kind is CHARACTER else {},
        "models": await _models(console) if kind is PRESET else [],
        "preview": await editing.preview(console.log, item.sheet) if item and isinstance(item.sheet, PresetSheet) else None,
    }
    return page(request, "resource_form.html", context, section=SECTION[kind.name], status=status)


def _typable(kind: Kind[Any]) -> tuple[FieldSpec, ...]:
    """Fields of the form. The defaults are chosen by a button of their own, a stored picture by a file."""
    return tuple(spec for spec in kind.fields if not spec.stored and spec.key not in presets.DEFAULTS)


async def _presets(console: Console) -> dict[str, str]:
    """Id to name of the presets that can be chosen, the default first."""
    found = await editing.items(console.log, PRESET, ACTOR)
    return {"": "The default"} | {str(item.id): f"{item.name} ({item.values['model']})" for item in found}


async def _models(console: Console) -> list[str]:
    async with console.log.pool.connection() as connection:
        return [offer.model for offer in await provider_models.browse(connection, "", limit=MODELS)]


def _mark(item: Item) -> str:
    """What a form was made from, so that an edit in between is noticed."""
    return hashlib.sha256(json.dumps(to_file(item.kind, item.values), sort_keys=True).encode()).hexdigest()[:16]


def _texts(kind: Kind[Any], form: FormData) -> dict[str, str]:
    """The form's fields. A switch is sent twice when it is on: the last one counts."""
    found = {spec.key: [text for text in form.getlist(spec.key) if isinstance(text, str)] for spec in _typable(kind)}
    return {key: texts[-1].replace("\r\n", "\n") for key, texts in found.items() if texts}


def key_of(form: FormData) -> UUID:
    """The form's own key: sending it twice does it once."""
    try:
        return UUID(playground.field(form, "key"))
    except ValueError:
        return ids.random_id()


async def _create(kind: Kind[Any], request: Request) -> Response:
    """A new one of the operator's; a character is talked to next."""
    console, form = console_of(request), await request.form()
    key, texts, before = key_of(form), _texts(kind, form), defaults(kind)
    values, wrong = editing.fresh(kind, texts)
    new_id = ids.derived(kind.name, "form", key)
    if not wrong:
        try:
            await editing.carry_out(console.log, ACTOR, editing.creation(kind, new_id, editing.changes(before, values)), key)
        except Rejected as error:
            wrong = {"slug" if kind is CHARACTER else "name": str(error)}
    if wrong:
        full = {spec.key: texts.get(spec.key, show(spec, before[spec.key])) for spec in _typable(kind)}
        return await _shown(kind, request, None, Draft(full, wrong), key, 422)
    return go(f"/?character={values['slug']}" if kind is CHARACTER else f"/{kind.name}s/{new_id}")


async def _save(kind: Kind[Any], request: Request) -> Response:
    console, form, item = console_of(request), await request.form(), await _item(kind, request)
    key, texts = key_of(form), _texts(kind, form)
    values, wrong = typed(kind, item.values, texts)
    wrong = {name: sentence for name, sentence in wrong.items() if name in texts}
    seen = playground.field(form, "seen")
    if not wrong and seen and seen != _mark(item) and editing.changes(item.values, values):
        first = next(iter(editing.changes(item.values, values)))
        wrong = {first: "This was changed elsewhere since you opened the form. Look again, then save to keep yours."}
    if not wrong:
        try:
            await editing.carry_out(console.log, ACTOR, editing.edition(kind, item.id, editing.changes(item.values, values)), key)
        except Rejected as error:
            wrong = {next(iter(texts)): str(error)}
    if wrong:
        full = {spec.key: texts.get(spec.key, show(spec, item.values[spec.key])) for spec in _typable(kind)}
        return await _shown(kind, request, item, Draft(full, wrong), key, 422)
    return changed(kind, item.id, key)


def changed(kind: Kind[Any], item_id: UUID, key: UUID) -> Response:
    """After a change: look at it, with a way back. `key` is the command's."""
    return go(f"/{kind.name}s/{item_id}?changed={key}")


async def _undo(kind: Kind[Any], request: Request) -> Response:
    """Take the change back that the page has just shown the way back for."""
    console, item, form = console_of(request), await _item(kind, request), await request.form()
    of = _id(playground.field(form, "of"))
    if not of:
        raise Rejected("There is nothing to take back.")
    await undoing.take_back(console.log, ACTOR, UUID(of))
    return go(f"/{kind.name}s/{item.id}")


async def _duplicate(kind: Kind[Any], request: Request) -> Response:
    console, item, key = console_of(request), await _item(kind, request), key_of(await request.form())
    values = {**item.values, "name": f"{item.name} (copy)"[:100]}
    if kind is CHARACTER:
        values |= {"visibility": "private", "co_owners": (), "shared_with": ()}
        values |= {name: await avatars.copied(console.log, values[name], OPERATOR) for name in ("avatar", "card")}
        values = editing.without_name_clash(await editing.items(console.log, kind, ACTOR), values)
    else:
        values = {name: value for name, value in values.items() if name not in presets.DEFAULTS}
    new_id = ids.derived(kind.name, "form", key)
    await editing.carry_out(console.log, ACTOR, editing.creation(kind, new_id, values, measured=False), key)
    return go(f"/{kind.name}s/{new_id}/edit")


async def _delete(kind: Kind[Any], request: Request) -> Response:
    console, item, key = console_of(request), await _item(kind, request), key_of(await request.form())
    await editing.carry_out(console.log, ACTOR, editing.deletion(kind, item.id), key)
    return go(f"/{kind.name}s?deleted={item.id}")


async def _restore(kind: Kind[Any], request: Request) -> Response:
    console, item_id = console_of(request), request.path_params["id"]
    await editing.carry_out(console.log, ACTOR, editing.restoration(kind, item_id), key_of(await request.form()))
    return go(f"/{kind.name}s/{item_id}")


async def _export(kind: Kind[Any], request: Request) -> Response:
    """`GET …/export.json` for our own file; a character also as a card, by how the address ends: FILES."""
    console, item, form = console_of(request), await _item(kind, request), str(request.path_params.get("form", "json"))
    if kind is CHARACTER:
        if form not in FILES:
            return problem(request, 404, "No such kind of file", f"There are: {', '.join(FILES)}.")
        made = await cards.export(console.log, item, FILES[form])
        headers = {"content-disposition": f'attachment; filename="{made.name}"'}
        return Response(made.content, media_type=made.media_type, headers=headers)
    body = json.dumps(to_file(kind, item.values), ensure_ascii=False, indent=2) + "\n"
    headers = {"content-disposition": f'attachment; filename="{kind.name}-{item.handle}.json"'}
    return Response(body, media_type="application/json", headers=headers)


async def _import(kind: Kind[Any], request: Request) -> Response:
    """A file chosen on the list's page: made at once, or only looked at."""
    async with request.form() as form:
        file, key, look = form.get("file"), key_of(form), bool(playground.field(form, "look"))
        if not isinstance(file, UploadFile) or not file.filename:
            raise Wrong("Choose a file first.")
        raw, name = await file.read(), file.filename
    if kind is CHARACTER:
        return await _character_file(request, raw, name, key, look=look)
    return await _plain_file(kind, request, raw, key, look=look)


async def _character_file(request: Request, raw: bytes, name: str, key: UUID, *, look: bool) -> Response:
    log = console_of(request).log
    found = await cards.read(log, ACTOR, raw, name)
    if look:
        context = {"kind": "character", "found": found, "item": None, "notes": found.notes}
        return page(request, "imported.html", context, section="Characters")
    item, notes = await cards.make(log, ACTOR, found, ids.derived("character", "form", key), key)
    if not notes:
        return go(f"/characters/{item.id}")
    return page(request, "imported.html", {"kind": "character", "found": found, "item": item, "notes": notes}, section="Characters")


async def _plain_file(kind: Kind[Any], request: Request, raw: bytes, key: UUID, *, look: bool) -> Response:
    console = console_of(request)
    if len(raw) > PRESET_BYTES:
        raise Wrong(f"The file is larger than {PRESET_BYTES // 2**20} MB.")
    try:
        tree = json.loads(raw)
    except (ValueError, RecursionError):
        raise Wrong("The file holds no JSON.") from None
    read = await editing.imported(console.log, kind, ACTOR, tree)
    notes = tuple(f"Left out: {line}" for line in read.left)
    found = {"name": read.values.get("name", f"A {kind.name}"), "kind": "a JSON file", "fates": ()}
    context = {"kind": kind.name, "found": found, "item": None, "notes": notes}
    if look:
        return page(request, "imported.html", context, section=SECTION[kind.name])
    new_id = ids.derived(kind.name, "form", key)
    await editing.carry_out(console.log, ACTOR, editing.creation(kind, new_id, read.values, measured=False), key)
    if not notes:
        return go(f"/{kind.name}s/{new_id}")
    item = await editing.by_id(console.log, kind, ACTOR, new_id)
    return page(request, "imported.html", context | {"item": item}, section=SECTION[kind.name])


async def _default(request: Request) -> Response:
    """Let this preset answer where a character has none."""
    console, form = console_of(request), await request.form()
    item = await _item(PRESET, request)
    await editing.make_default(console.log, ACTOR, item, key_of(form))
    return go(f"/presets/{item.id}")


async def _wear(request: Request) -> Response:
    """Let the owner of this persona be it everywhere; with `clear` in the form, be themselves again."""
    console, form = console_of(request), await request.form()
    item = await _item(PERSONA, request)
    assert item.owner_id is not None
    key, chosen = key_of(form), None if playground.field(form, "clear") else item.id
    await editing.carry_out(console.log, ACTOR, persona.Wear(item.owner_id, chosen), key)
    return changed(PERSONA, item.id, key)


async def _worn(console: Console, item: Item) -> bool:
    """Whether a persona is who its owner is everywhere."""
    if item.kind is not PERSONA or item.owner_id is None:
        return False
    async with console.log.pool.connection() as connection:
        found = await personas.worn(connection, item.owner_id, None, None)
    return found is not None and found.persona == item.id
