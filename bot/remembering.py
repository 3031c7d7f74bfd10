"""What every face says and asks about memories: finding the one that is meant, lists, views, and times."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from bot.waypoints import waypoints
from engine import clock, config
from engine.actor import Actor
from engine.decide.rejected import Rejected
from engine.decide.remembering.memory import LockMemories
from engine.decide.remembering.sectors import classify
from engine.execute import execute
from engine.store import Log
from projections.models.memories import dreams, noted
from projections.models.memories.dreams import DreamRow
from projections.models.memories.noted import Note

SPANS: Mapping[str, timedelta] = {
    "5m": timedelta(minutes=5),
    "15m": timedelta(minutes=15),
    "30m": timedelta(minutes=30),
    "1h": timedelta(hours=1),
    "4h": timedelta(hours=4),
    "24h": timedelta(hours=24),
}
"""Times that may be named."""
SHOWN = 20
"""Memories of a list that are shown at once."""
MOST_LISTED = 20_000
"""Memories that are looked through: twice as many as are met of one person."""
MOST_NEAR = 1_000
"""Of the latest so many those are looked for that are near a memory."""
_LINE = 120


async def notes(log: Log, person: int | None, *, words: str = "", character: UUID | None = None, most: int = MOST_LISTED) -> list[Note]:
    """A person's memories (None: everybody's), those that hold all of some words, the latest first; of the latest `most`."""
    async with log.pool.connection() as connection:
        found = await noted.of_person(connection, log.vault, person, character=character, limit=most)
    wanted = words.casefold().split()
    return [note for note in found if all(word in note.text.casefold() for word in wanted)]


async def find(log: Log, person: int | None, which: str) -> Note:
    """The memory a name or id means. Raises Rejected."""
    wanted = which.strip().removeprefix("#").replace("-", "").casefold()
    found = [note for note in await notes(log, person) if note.memory.hex == wanted or note.name == wanted]
    if len(found) != 1:
        raise Rejected("There is no such memory. `/memory browse` and the console list them with their names, such as 1f3a09bc.")
    return found[0]


async def lock_all(log: Log, actor: Actor, found: Sequence[Note], key: UUID, *, locked: bool = True) -> str:
    """Lock or unlock these memories by one act, and say how many that changed. The same key again changes nothing."""
    others = tuple(note.memory for note in found if note.locked != locked)
    if others:
        await execute(log, actor, LockMemories(others, locked), key, see=("memory",))
    return f"{len(others):,} of {len(found):,} memories {'locked' if locked else 'unlocked'}; the others were so before."


def line(note: Note) -> str:
    """A memory in one line: its name, what is odd about it, and its beginning."""
    held = {"locked": note.locked, "put aside": note.archived, "hidden": note.hidden, "replaced": note.replaced, "over": note.ended}
    marks = [mark for mark, holds in held.items() if holds]
    about = f" ({', '.join((note.origin, *marks))})" if marks or note.origin != "manual" else ""
    text = " ".join(note.text.split())
    return f"{note.name}{about}: {text[:_LINE]}{'…' if len(text) > _LINE else ''}"


def listed(found: Sequence[Note], *, first: int = 0) -> str:
    """A page of a list."""
    if not found:
        return "Nothing is noted. What was said is remembered by itself; `/memory remember` notes something besides."
    shown = found[first : first + SHOWN]
    more = f"\n{len(found) - first - len(shown)} more." if len(found) > first + len(shown) else ""
    return "\n".join(map(line, shown)) + more


def counted(found: Sequence[Note], names: Mapping[UUID, str]) -> str:
    """How many memories there are: of which kind, what became of them, with which character, and from when. Pure."""
    if not found:
        return listed(found)
    kinds = Counter(_KINDS.get(note.origin, note.origin) for note in found)
    states = ("locked", "corrected", "archived", "hidden", "replaced", "ended", "taken_back")
    held = {_STATES.get(state, state): sum(getattr(note, state) for note in found) for state in states}
    whose = Counter(names.get(note.character, "another character") if note.character else "all characters" for note in found)
    first, last = min(note.at for note in found), max(note.at for note in found)
    lines = [f"{len(found):,} memories are noted, from {first:%Y-%m-%d} to {last:%Y-%m-%d}."]
    for what, counts in (("Kinds", kinds), ("Of them", held), ("With", whose)):
        shown = [f"{name} {count:,}" for name, count in sorted(counts.items(), key=lambda one: -one[1])[:SHOWN] if count]
        lines += [f"{what}: {', '.join(shown)}."] if shown else []
    return "\n".join(lines)


async def viewed(log: Log, note: Note) -> str:
    """A memory with everything that is known of it."""
    async with log.pool.connection() as connection:
        found = await noted.sources(connection, note.memory)
    by = f" by {note.model}" if note.model else ""
    facts = [f"{_MADE.get(note.origin, note.origin)}{by}, {note.at:%Y-%m-%d %H:%M} UTC", f"met {_WHERE[note.reach]}"]
    facts += ["corrected"] * note.corrected + ["locked"] * note.locked + ["put aside"] * note.archived + ["hidden by a dream"] * note.hidden
    facts += ["replaced by a newer one"] * note.replaced + [f"about {', '.join(note.entities)}"] * bool(note.entities)
    facts += [f"{'held' if note.ended else 'holds'} until {note.until:%Y-%m-%d %H:%M} UTC"] if note.until else []
    cost = [f"cost ${note.cost:.6f}"] if note.cost is not None else []
    sources = [f"position {one.position}" for one in found if one.position]
    sources += [f"memory {one.of_memory.hex[-8:]}" for one in found if one.of_memory]
    made_of = [f"made from {', '.join(sources[:20])}"] if sources else []
    near = waypoints(note, await notes(log, note.person, most=MOST_NEAR))
    edges = [f"near {', '.join(f'{one.other.name} ({one.label})' for one in near)}"] if near else []
    facts.append(classify(note.text))
    return "\n".join((note.text, "", f"{note.name}: " + "; ".join((*facts, *cost, *made_of, *edges)) + "."))


async def dreamed(log: Log, person: int | None) -> list[tuple[DreamRow, list[tuple[str, str]]]]:
    """A person's dreams (None: everybody's), the latest first, each with what it hid and what says the same."""
    async with log.pool.connection() as connection:
        found = await dreams.listed(connection, person)
        known = {note.memory: line(note) for note in await noted.of_person(connection, log.vault, person, limit=10_000)}
    gone = "a memory that was forgotten"
    return [(one, [(known.get(a, gone), known.get(b, gone)) for a, b in zip(one.hidden, one.kept, strict=True)]) for one in found]


async def find_dream(log: Log, person: int | None, which: str) -> DreamRow:
    """The dream a name or id means. Raises Rejected."""
    wanted = which.strip().removeprefix("#").replace("-", "").casefold()
    async with log.pool.connection() as connection:
        found = [one for one in await dreams.listed(connection, person) if wanted in (one.name, one.dream.hex)]
    if len(found) != 1:
        raise Rejected("There is no such dream. The list of dreams shows their names, such as 1f3a09bc.")
    return found[0]


def told(found: Sequence[tuple[DreamRow, list[tuple[str, str]]]]) -> str:
    """Dreams as a list: what each hid, and what says the same."""
    if not found:
        return "Nothing was dreamed: no two memories say the same, or there are fewer than fifty."
    lines = list[str]()
    for one, pairs in found[:10]:
        lines.append(f"{one.name}, {one.at:%Y-%m-%d %H:%M} UTC{', taken back' if one.undone else ''}:")
        lines += [f"  added {memory.hex[-8:]}" for memory in one.added]
        lines += [f"  hid {hidden}\n  for {kept}" for hidden, kept in pairs[:5]]
        lines += [f"  and {len(pairs) - 5} more"] if len(pairs) > 5 else []
    return "\n".join(lines)


_MADE = {
    "manual": "noted by its person",
    "fact": "taken from what was said",
    "summary": "a summary",
    "dream": "a reflection",
    "relationship": "how they stand to each other",
}
_KINDS = {
    "manual": "noted",
    "fact": "facts",
    "summary": "summaries",
    "dream": "reflections",
    "relationship": "relationships",
    "verbatim": "brought in word for word",
    "shapes_inc": "brought in from shapes.inc",
}
_STATES = {"archived": "put aside", "ended": "over", "taken_back": "taken back"}
_WHERE = {
    "channel": "where it was noted, and in private talk with its person",
    "server": "in its server, and in private talk with its person",
    "everywhere": "wherever its person is answered",
}


def span(text: str) -> timedelta:
    """The time a name such as `15m` means. Raises Rejected."""
    found = SPANS.get(text.strip().casefold())
    if found is None:
        raise Rejected(f"Say one of {', '.join(SPANS)}.")
    return found


async def status(log: Log, person: int, names: Mapping[UUID, str], at: datetime | None = None) -> str:
    """What a person chose, and the sessions that run, by name."""
    async with log.pool.connection() as connection:
        running = await noted.sessions(connection, person, at or clock.now())
        reach, derive = await noted.choice(connection, person)
        count, aside = await noted.counts(connection, person)
        calls = (await noted.read_on(connection, at or clock.now())).get(person, 0)
    settings = config.settings()
    more = f", {aside:,} of them put aside: {settings.memory_most:,} are met at most" if aside else ""
    lines = [f"{count:,} memories are noted besides what was said{more}."]
    if calls or settings.memory_model:
        most = settings.memory_calls_a_day
        lines.append(f"A model read what you said today {calls:,} times, to make summaries and facts; {most:,} times a day at most.")
    where = "in the whole server" if reach == "server" else "in its channel"
    lines.append(f"What you say is remembered {where}, and in your private talk with the same character.")
    if not derive:
        lines.append("No facts and summaries are made of it.")
    for one in running:
        whom = names.get(one.character, "a character") if one.character else "all characters"
        until = f"until {one.until:%Y-%m-%d %H:%M} UTC" if one.until else "until you end it"
        said = "Incognito: nothing is remembered" if one.kind == "incognito" else "Fresh: you are answered without memories"
        lines.append(f"{said}, with {whom}, {until}.")
    return "\n".join(lines)
