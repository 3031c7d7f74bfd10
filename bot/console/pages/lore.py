"""Pages of lorebooks: what is set for one, its entries, where it is looked at, and a text tried on it while it is typed."""

from collections.abc import Sequence
from typing import Any, get_args
from uuid import UUID

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot import editing, lore, undoing
from bot.console.filters import number
from bot.console.pages.editing import Draft, key_of
from bot.console.pages.playground import field
from bot.console.render import by_script, go, page, refusing
from bot.console.state import OPERATOR, Console, console_of
from bot.editing import Item
from bot.lore import OwnBook, Tried
from engine import ids
from engine.actor import operator
from engine.decide.craft.lorebook import Attach, Create, Delete, Detach, Edit, LorebookCommand, SetEntries
from engine.decide.rejected import Rejected
from engine.lore.book import LoreScope
from engine.outside import numbers
from engine.resources.character import CharacterSheet
from engine.resources.craft.kinds import LORE_ENTRY, LOREBOOK
from engine.resources.field import pages, values
from engine.resources.kinds import CHARACTER, defaults, typed
from engine.resources.typed import Wrong, show
from projections.prompt.sections.character import Card

ACTOR = operator(OPERATOR)
SECTION = "Lorebooks"
LONGEST_TRIAL = 4_000
"""Characters of a text that is tried."""
ONE = "/lore/{id:uuid}"


def routes() -> list[Route]:
    """Every address."""
    return [
        Route("/lore", refusing(shelf)),
        Route("/lore", refusing(_bring), methods=["POST"]),
        Route("/lore/test", refusing(_tried), methods=["POST"]),
        Route(ONE, refusing(book)),
        Route(f"{ONE}/export.json", refusing(_export)),
        Route(f"{ONE}/edit", refusing(_save), methods=["POST"]),
        Route(f"{ONE}/entries/{{uid:id}}", refusing(entry)),
        Route(f"{ONE}/entries/{{uid:id}}", refusing(_save_entry), methods=["POST"]),
        Route(f"{ONE}/{{what:str}}", refusing(_act), methods=["POST"]),
    ]


async def shelf(request: Request) -> Response:
    """`GET /lore`: every book, a way to bring one in, and a text to try on all of them."""
    return await _shelf(request)


async def _shelf(request: Request, tried: Sequence[Tried] | None = None, text: str = "") -> Response:
    log = console_of(request).log
    context = {
        "books": await lore.books(log, ACTOR, entries=False),
        "cast": await editing.items(log, CHARACTER, ACTOR),
        "tried": tried,
        "text": text,
        "book": None,
        "key": ids.random_id(),
        "gone": _id(request.query_params.get("deleted", "")),
        "changed": _id(request.query_params.get("changed", "")),
    }
    return page(request, "lore.html", context, section=SECTION)


async def book(request: Request) -> Response:
    """`GET /lore/{id}`."""
    return await _book(request, await _found(request))


async def _book(request: Request, one: OwnBook, draft: Draft | None = None, status: int = 200) -> Response:
    log = console_of(request).log
    before = values(one.sheet)
    cast = await editing.items(log, CHARACTER, ACTOR)
    context = {
        "book": one,
        "pages": dict(pages(LOREBOOK.sheet)),
        "draft": draft or Draft({spec.key: show(spec, before[spec.key]) for spec in LOREBOOK.fields}),
        "entries": [(uid, lore.form_of(one.entries[uid])) for uid in sorted(one.entries)],
        "next": lore.next_uid(one),
        "cast": cast,
        "places": [(scope, target, _place(scope, target, cast)) for scope, target in one.shelved.attached],
        "presets": {},
        "tried": None,
        "text": "",
        "key": ids.random_id(),
        "changed": _id(request.query_params.get("changed", "")),
    }
    return page(request, "lorebook.html", context, section=SECTION, status=status)


def _place(scope: LoreScope, target: str, cast: Sequence[Item]) -> str:
    """Where a book is looked at, in words."""
    names = {str(one.id): one.name for one in cast}
    words = {"character": "by", "channel": "in channel", "guild": "in server", "person": "for person", "everywhere": "everywhere"}
    return f"{words[scope]} {names.get(target, target)}".strip()


async def entry(request: Request) -> Response:
    """`GET /lore/{id}/entries/{uid}`: the form of an entry; that of a new one under a number that is free."""
    one, uid = await _found(request), int(request.path_params["uid"])
    return await _entry(request, one, uid, Draft(lore.form_of(one.entries.get(uid))))


async def _entry(request: Request, one: OwnBook, uid: int, draft: Draft, status: int = 200) -> Response:
    context = {
        "book": one,
        "uid": uid,
        "there": uid in one.entries,
        "draft": draft,
        "pages": dict(pages(LORE_ENTRY.sheet)),
        "presets": {},
        "cast": [],
        "tried": None,
        "text": "",
        "key": ids.random_id(),
    }
    return page(request, "lore_entry.html", context, section=SECTION, status=status)


async def _save(request: Request) -> Response:
    console, form, one = console_of(request), await request.form(), await _found(request)
    before, texts = values(one.sheet), _texts(form, LOREBOOK.fields)
    after, wrong = typed(LOREBOOK, before, texts)
    if wrong:
        full = {spec.key: texts.get(spec.key, show(spec, before[spec.key])) for spec in LOREBOOK.fields}
        return await _book(request, one, Draft(full, wrong), 422)
    changed = editing.changes(before, after)
    return await _done(console, Edit(one.id, changed) if changed else None, one.id, key_of(form))


async def _save_entry(request: Request) -> Response:
    console, form, one = console_of(request), await request.form(), await _found(request)
    uid, texts = int(request.path_params["uid"]), _texts(form, LORE_ENTRY.fields)
    old = one.entries.get(uid)
    if field(form, "remove"):
        return await _done(console, SetEntries(one.id, removed=[uid]) if old is not None else None, one.id, key_of(form))
    made, wrong = lore.filled_in(old, texts)
    if wrong:
        return await _entry(request, one, uid, Draft(lore.form_of(old) | texts, wrong), 422)
    return await _done(console, SetEntries(one.id, [made | {"uid": uid}]), one.id, key_of(form))


async def _bring(request: Request) -> Response:
    """A new book: of a file, or empty under a name."""
    async with request.form() as form:
        file, key, name = form.get("file"), key_of(form), field(form, "name")
        raw = await file.read() if isinstance(file, UploadFile) and file.filename else b""
        title = file.filename if isinstance(file, UploadFile) and file.filename else ""
    log = console_of(request).log
    if raw:
        return go(f"/lore/{await lore.make(log, ACTOR, await lore.read_file(raw, title or ''), key)}")
    if not name.strip():
        raise Wrong("Choose a file, or give the new lorebook a name.")
    made = ids.derived("lorebook", "made", key)
    sheet, wrong = typed(LOREBOOK, defaults(LOREBOOK), {"name": name}, new=True)
    for sentence in wrong.values():
        raise Wrong(sentence)
    await lore.carry_out(log, ACTOR, Create(made, sheet), key)
    return go(f"/lore/{made}")


async def _act(request: Request) -> Response:
    """Attach, detach, delete, or take the last change back."""
    console, form, what = console_of(request), await request.form(), str(request.path_params["what"])
    book_id = UUID(str(request.path_params["id"]))
    if what == "undo":
        if not (of := _id(field(form, "of"))):
            raise Rejected("There is nothing to take back.")
        await undoing.take_back(console.log, ACTOR, UUID(of))
        return go(f"/lore/{book_id}")
    if what == "delete":
        await lore.carry_out(console.log, ACTOR, Delete(book_id), key := key_of(form))
        return go(f"/lore?deleted={book_id}&changed={key}")
    if what not in ("attach", "detach"):
        raise Rejected("There is no such thing to do with a lorebook.")
    scope, target = await _where(console, form)
    return await _done(console, (Attach if what == "attach" else Detach)(book_id, scope, target), book_id, key_of(form))


async def _where(console: Console, form: FormData) -> tuple[LoreScope, str]:
    """The place a form names. Raises Wrong, Rejected."""
    scope, target = field(form, "scope"), field(form, "target").strip()
    if scope not in get_args(LoreScope):
        raise Wrong("Choose where it is to be looked at.")
    if scope == "everywhere":
        return "everywhere", ""
    if scope == "character":
        return "character", str((await editing.find(console.log, CHARACTER, ACTOR, field(form, "character") or target)).id)
    if not numbers.is_id(target):
        raise Wrong("A channel, a server and a person are named by their ids: digits only.")
    return scope, target  # type: ignore[return-value]  # one of the literals, just looked at


async def _tried(request: Request) -> Response:
    """`POST /lore/test`: what a text wakes, of one book or of all."""
    console, form = console_of(request), await request.form()
    text, which, who = field(form, "text")[:LONGEST_TRIAL], field(form, "book"), field(form, "character")
    found = [await lore.find(console.log, ACTOR, which)] if which else await lore.books(console.log, ACTOR)
    item = await editing.find(console.log, CHARACTER, ACTOR, who) if who else None
    card = Card(item.sheet.description) if item is not None and isinstance(item.sheet, CharacterSheet) else None
    tried = lore.trial(found, text, card, "Somebody", min(max((number(field(form, "roll")) or 0) / 100, 0.0), 0.999))
    if by_script(request):
        return page(request, "_lore_tried.html", {"tried": tried})
    return await _shelf(request, tried, text)


async def _export(request: Request) -> Response:
    one = await _found(request)
    headers = {"content-disposition": f'attachment; filename="lorebook-{one.handle}.json"'}
    return Response(lore.file_of(one), media_type="application/json", headers=headers)


async def _found(request: Request) -> OwnBook:
    return await lore.find(console_of(request).log, ACTOR, str(request.path_params["id"]))


async def _done(console: Console, command: LorebookCommand | None, book_id: UUID, key: UUID) -> Response:
    if command is not None:
        await lore.carry_out(console.log, ACTOR, command, key)
    return go(f"/lore/{book_id}" + (f"?changed={key}" if command is not None else ""))


def _texts(form: FormData, fields: Sequence[Any]) -> dict[str, str]:
    """The form's fields. A switch is sent twice when it is on: the last one counts."""
    found = {spec.key: [text for text in form.getlist(spec.key) if isinstance(text, str)] for spec in fields}
    return {key: texts[-1].replace("\r\n", "\n") for key, texts in found.items() if texts}


def _id(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        return ""
