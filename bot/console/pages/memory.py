"""What is remembered: find it, see where it comes from, correct, lock and forget it; dreams, who talks with whom, and memory as it was."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode
from uuid import UUID

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import Response

from bot import remembering, undoing
from bot.console.filters import number
from bot.console.pages.relationship_graph import graph
from bot.console.people import Called, called
from bot.console.render import go, page, problem
from bot.console.state import OPERATOR, Console, console_of
from bot.waypoints import waypoints
from engine import clock, ids
from engine.actor import operator
from engine.decide.job import Ask, job_id
from engine.decide.rejected import Rejected
from engine.decide.remembering import memory as rules
from engine.decide.remembering.dreaming import UndoDream
from engine.decide.remembering.memory import MemoryCommand, MemoryPlace
from engine.decide.remembering.sectors import classify
from engine.errors import StoreError
from engine.execute import execute
from projections.follow import past_views
from projections.models.memories import generations, noted, relationships
from projections.models.memories.memory import MEMORY
from projections.models.memories.noted import Note

ROWS = 50
PAST_SECONDS = 20.0
ORIGINS = {
    "manual": "noted by a person",
    "fact": "taken from what was said",
    "summary": "a summary",
    "dream": "a reflection",
    "relationship": "how they stand to each other",
    "verbatim": "brought in",
    "shapes_inc": "brought in",
}
REACHES = {"channel": "in its channel", "server": "in its server", "everywhere": "wherever they are answered"}
MOST_FOUND = remembering.MOST_LISTED
REBUILDS = {"summary": ("resummarize", "model"), "vectors": ("embed_memories", "vectors")}
"""The jobs that make a generation, and what they call its maker."""

_TAKEN_BACK = (rules.Remember, rules.Correct, rules.LockMemory)
"""What a button takes back; forgetting is for good."""


@dataclass(frozen=True, slots=True)
class MemorySearch:
    """What the address asks for. `position`: memory as it was there; None for now."""

    person: int | None
    words: str
    origin: str
    position: int | None
    first: int

    def query(self, **more: object) -> str:
        """The address's end for this with something changed."""
        values = {"person": self.person, "words": self.words, "origin": self.origin, "position": self.position, "first": self.first} | more
        return urlencode({name: value for name, value in values.items() if value not in (None, "", 0)})


def _asked(request: Request, names: Called, head: int) -> MemorySearch:
    parameters = request.query_params
    who = parameters.get("person", "").strip()
    person = number(who) if number(who) is not None else names.person_named(who) if who else None
    origin = parameters.get("origin", "")
    position = number(parameters.get("position", ""))
    return MemorySearch(
        person,
        parameters.get("words", "").strip()[:200],
        origin if origin in ORIGINS else "",
        None if position is None or position >= head else max(position, 0),
        max(number(parameters.get("first", "")) or 0, 0),
    )


async def show(request: Request) -> Response:
    """`GET /memory?person=&words=&origin=&position=&first=`: what is noted, now or as of a position."""
    console = console_of(request)
    names, head = await called(console, suggestions=True), await console.log.head()
    asked, sentence, found = _asked(request, names, head), "", list[Note]()
    try:
        found = await _found(console, asked)
    except TimeoutError:
        sentence = f"It takes more than {PAST_SECONDS:.0f} seconds to fold so much. `tzurot as-of memory {asked.position}` takes its time."
    except StoreError as error:
        sentence = f"That cannot be shown: {error}."
    shown = found[asked.first : asked.first + ROWS]
    names = await called(console, {note.person for note in shown}, suggestions=True)
    async with console.log.pool.connection() as connection:
        talked = await relationships.pairs(connection, asked.person)
        how = await noted.texts(connection, console.log.vault, [pair.newest for pair in talked if pair.newest is not None])
    talkers = await called(console, {pair.person for pair in talked})
    cast = {pair.character: talkers.character(pair.character) for pair in talked}
    picture = graph(talked, {pair.person: talkers.person(pair.person) for pair in talked}, cast, how)
    context = {"asked": asked, "found": len(found), "shown": shown, "names": names, "head": head, "sentence": sentence, "rows": ROWS}
    context |= {
        "changed": _changed(request),
        "origins": ORIGINS,
        "picture": picture,
        "talked": talked,
        "talkers": talkers,
        "how": how,
        "dreams": [],
        "generations": None,
    }
    if asked.position is None and not asked.first:
        context["dreams"] = (await remembering.dreamed(console.log, asked.person))[:10]
        async with console.log.pool.connection() as connection:
            context["generations"] = await generations.listed(connection, await generations.chosen(connection, "vectors"))
    return page(request, "memory.html", context, section="Memory")


async def _found(console: Console, asked: MemorySearch) -> list[Note]:
    """The notes that are asked for. Raises StoreError, TimeoutError."""
    vault = console.log.vault
    if asked.position is None:
        async with console.log.pool.connection() as connection:
            notes = await noted.of_person(connection, vault, asked.person, limit=MOST_FOUND)
    else:
        async with asyncio.timeout(PAST_SECONDS), past_views.as_of(console.log.dsn, MEMORY, asked.position) as (connection, schema):
            notes = await noted.of_person(connection, vault, asked.person, limit=MOST_FOUND, schema=schema)
    wanted = asked.words.casefold().split()
    return [note for note in notes if asked.origin in ("", note.origin) and all(word in note.text.casefold() for word in wanted)]


async def inspect(request: Request) -> Response:
    """`GET /memory/{memory}`: one memory with where it comes from, and what can be done with it."""
    console, note = console_of(request), await _note(request)
    if note is None:
        return _gone(request)
    async with console.log.pool.connection() as connection:
        sources = await noted.sources(connection, note.memory)
    names = await called(console, {note.person}, {note.channel} if note.channel else ())
    near = waypoints(note, await remembering.notes(console.log, note.person, most=remembering.MOST_NEAR))
    context = {"note": note, "sources": sources, "names": names, "origins": ORIGINS, "reaches": REACHES}
    context |= {"near": near, "sector": classify(note.text), "changed": _changed(request)}
    return page(request, "one_memory.html", context, section="Memory")


async def change(request: Request) -> Response:
    """`POST /memory/{memory}/{what}`: correct, lock, unlock or forget it."""
    note, what = await _note(request), str(request.path_params["what"])
    if note is None:
        return _gone(request)
    async with request.form() as form:
        text = str(form.get("text", ""))
    commands: dict[str, MemoryCommand] = {
        "correct": rules.Correct(note.memory, text),
        "lock": rules.LockMemory(note.memory),
        "unlock": rules.LockMemory(note.memory, False),
        "forget": rules.ForgetMemory(note.memory),
    }
    if what not in commands:
        return _gone(request)
    return await _done(request, commands[what], "/memory" if what == "forget" else f"/memory/{note.memory}")


async def remember(request: Request) -> Response:
    """`POST /memory`: note something about the operator as the console's person, met wherever they are answered in the playground."""
    async with request.form() as form:
        text = str(form.get("text", ""))
    command = rules.Remember(ids.random_id(), OPERATOR, MemoryPlace("playground"), text, "everywhere")
    return await _done(request, command, "/memory")


async def lock_all(request: Request) -> Response:
    """`POST /memory/lock`: lock or unlock all that a search finds now."""
    console = console_of(request)
    async with request.form() as form:
        who, words, origin, how = (str(form.get(name, "")) for name in ("person", "words", "origin", "how"))
    asked = MemorySearch(number(who), words[:200], origin if origin in ORIGINS else "", None, 0)
    key = ids.random_id()
    told = await remembering.lock_all(console.log, operator(OPERATOR), await _found(console, asked), key, locked=how != "unlock")
    return go(f"/memory?{asked.query(changed='' if told.startswith('0 ') else key)}")


async def purge(request: Request) -> Response:
    """`POST /memory/purge`: forget what a person ever said and was answered, or lately, if the box that says so is ticked."""
    async with request.form() as form:
        who, last, sure = (str(form.get(name, "")) for name in ("person", "last", "sure"))
    person = number(who)
    if person is None or not sure:
        return problem(request, 422, "Nothing was forgotten", "Say whose, and tick the box: it cannot be taken back.")
    try:
        since = clock.now() - remembering.span(last) if last else datetime(2015, 1, 1, tzinfo=UTC)
    except Rejected as no:
        return problem(request, 422, "Nothing was forgotten", str(no))
    return await _done(request, rules.ForgetSpan(person, since, clock.now()), f"/memory?person={person}")


async def rebuild(request: Request) -> Response:
    """`POST /memory/rebuild`: have summaries or vectors made anew beside those that are met, or only told what it would take."""
    console = console_of(request)
    async with request.form() as form:
        what, name, how = (str(form.get(key, "")).strip()[:200] for key in ("what", "name", "how"))
    if what not in REBUILDS or not name:
        return problem(request, 422, "Nothing was begun", "Say whether summaries or vectors, and by which model or embedder.")
    job_name, parameter = REBUILDS[what]
    parameters: dict[str, JsonValue] = {parameter: name, "switch": how == "switch", "preview": how not in ("begin", "switch")}
    about = f"{name[:100]}{', what it would take' if parameters['preview'] else ''}:{clock.now():%Y-%m-%dT%H:%M:%S}"
    job = job_id(job_name, f"{about}:{ids.random_id()}")
    await execute(console.log, operator(OPERATOR), Ask(job, job_name, about, parameters), job, see=("jobs",))
    return go("/jobs")


async def undo_dream(request: Request) -> Response:
    """`POST /memory/dreams/{dream}/undo`: bring back what it hid."""
    return await _done(request, UndoDream(UUID(str(request.path_params["dream"]))), "/memory")


async def undo(request: Request) -> Response:
    """`POST /memory/undo`: take back what was noted, corrected or locked just now."""
    async with request.form() as form:
        of = str(form.get("of", ""))
    try:
        await undoing.take_back(console_of(request).log, operator(OPERATOR), UUID(of))
    except (Rejected, ValueError) as no:
        return problem(request, 409, "Not taken back", str(no) if isinstance(no, Rejected) else "There is nothing to take back.")
    return go("/memory")


def _changed(request: Request) -> UUID | None:
    """The key of a change that was made just now, which a button takes back."""
    try:
        return UUID(request.query_params.get("changed", ""))
    except ValueError:
        return None


async def _note(request: Request) -> Note | None:
    console, wanted = console_of(request), UUID(str(request.path_params["memory"]))
    async with console.log.pool.connection() as connection:
        found: Sequence[Note] = await noted.of_person(connection, console.log.vault, None, memory=wanted)
    return found[0] if found else None


def _gone(request: Request) -> Response:
    return problem(request, 404, "No such memory", "It was forgotten, or the address is of another installation.")


async def _done(request: Request, command: MemoryCommand | UndoDream, address: str) -> Response:
    key = ids.random_id()
    try:
        done = await execute(console_of(request).log, operator(OPERATOR), command, key, see=("memory",))
    except Rejected as no:
        return problem(request, 409, "Not changed", str(no))
    return go(f"{address}?changed={key}" if done.events and isinstance(command, _TAKEN_BACK) else address)
