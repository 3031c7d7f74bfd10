"""`tzurot character import` and `tzurot character export`: cards of every program, and our own files."""

import sys
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bot import cards, editing, shapes
from bot.cli import files
from engine import ids
from engine.actor import operator
from engine.decide.rejected import Rejected
from engine.resources.files import to_file
from engine.resources.kinds import CHARACTER, defaults
from engine.resources.typed import Wrong
from engine.shapes import senders
from engine.shapes.senders import SenderChoice
from engine.store import Log
from engine.terminal import Json, bars, echo, say
from projections.archive.shapes import ShapesCounts
from projections.terminal import NotFound, with_log

OPERATOR = operator(1)


class _Form(StrEnum):
    """`cards.FORMS` as the command line needs them."""

    TZUROT = "tzurot"
    JSON = "json"
    V2 = "v2"
    PNG = "png"
    CHARX = "charx"


class _Source(StrEnum):
    FILE = "file"
    SHAPES = "shapes"


def import_(
    file: Annotated[Path, typer.Argument(help="A card (PNG, JSON, YAML, CHARX, BYAF) or a file of ours; - is standard input.")],
    preview: Annotated[bool, typer.Option("--preview", help="Only show what would be made, part by part.")] = False,
    source: Annotated[_Source, typer.Option("--source", help="shapes: a backup of shapes.inc, a folder or a ZIP.")] = _Source.FILE,
    who: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="SENDER=WHO", help=f"Of a backup: as whom a sender is taken: {senders.HINT}. May be repeated."),
    ] = None,
    json: Json = False,
) -> None:
    """Create a character from a file: a character card of any program, one of ours, or one of the predecessor's.

    From a backup of shapes.inc (a folder, or --source shapes) come its memories and its conversation, too; again, nothing is doubled.
    """
    if source is _Source.SHAPES or file.is_dir():
        return _shape(file, who or [], preview=preview, json=json)
    if who:
        raise NotFound("--map is for a backup of shapes.inc: give its folder, or --source shapes.")
    raw = content_of(file)

    async def work(log: Log) -> None:
        found = await cards.read(log, OPERATOR, raw, file.name)
        if preview:
            return _previewed(found, json=json)
        item, notes = await cards.make(log, OPERATOR, found, ids.random_id(), ids.random_id())
        shown = {"id": str(item.id), "short name": item.handle, "name": item.name, "from": found.kind, "notes": list(notes)}
        words = f"Created {item.name} ({item.handle}) from {found.kind}."
        return say(shown, json=json, words="\n".join([words, *notes]))

    return _carry(work)


def _shape(path: Path, who: list[str], *, preview: bool, json: bool) -> None:
    async def work(log: Log) -> None:
        backup, plan = await shapes.read(path)
        found = senders.senders(plan.memories)
        as_whom = await shapes.choices(log, OPERATOR, plan, senders.given(who))
        if preview:
            plan = senders.taken(plan, as_whom)
            held: dict[str, object] = {
                "name": plan.chat.character,
                "memories": sum(one.part == 0 for one in plan.memories),
                "lines": len(plan.chat.lines),
            }
            held |= {"senders": {one.key: one.memories for one in found}, "map": senders.packed(as_whom)}
            asked = [*shapes.asked(found), *(f"{sender} is {_called(one)}" for sender, one in as_whom.items())]
            asked += [f"--map SENDER=WHO says who: {senders.HINT}."] if found else []
            words = "\n".join([f"{shapes.summary(plan)} Nothing was done.", *asked, *plan.told])
            return say(held | {"skipped": dict(plan.skipped), "notes": list(plan.told)}, json=json, words=words)
        with bars() as shown:

            async def told(done: int, total: int, _: ShapesCounts) -> None:
                shown.show("memories and lines", done, total)

            taken = await shapes.take(log, OPERATOR, backup, plan, as_whom, told)
        head = f"{'Created' if taken.created else 'Found'} {taken.name} ({taken.character})."
        skipped = sum(taken.skipped.values())
        of = f"Of {taken.records:,} memories {taken.imported:,} came in, {taken.repeated:,} were here, {skipped:,} were skipped;"
        words = f"{head} {of} {taken.messages:,} lines of talk, {taken.messages_repeated:,} of them were here."
        return say(asdict(taken), json=json, words="\n".join([words, *taken.notes]))

    _carry(work)


def _called(one: SenderChoice) -> str:
    return f"your persona {one.name}" if one.persona else one.name or one.fate


def _previewed(found: cards.FoundCharacter, *, json: bool) -> None:
    fates = [{"part": fate.part, "what": fate.what, "how": fate.how} for fate in found.fates]
    fields = to_file(CHARACTER, defaults(CHARACTER) | found.imported.values)
    shown = {"from": found.kind, "fields": fields, "parts": fates, "notes": list(found.notes)}
    lines = [f"{fate.part} is {fate.what}: {fate.how}" for fate in found.fates] or list(found.notes)
    say(shown, json=json, words="\n".join([f"This would create {found.name} from {found.kind}. Nothing was done.", *lines]))


def export(
    which: Annotated[str, typer.Argument(help="Its name, short name or id.")],
    file: Annotated[Path | None, typer.Argument(help="The same as --out.", show_default=False)] = None,
    form: Annotated[
        _Form | None,
        typer.Option("--format", help="tzurot: ours, with every field; the others are cards. By the file's ending unless named."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Where to; standard output unless named.", show_default=False)] = None,
    json: Json = False,
) -> None:
    """Write a character to a file: as a card that other programs read, or with every field as JSON of ours."""
    to = out or file
    by_name = to.suffix.removeprefix(".") if to is not None else ""
    wanted = form or (_Form(by_name) if by_name in ("png", "charx") else _Form("tzurot"))

    async def work(log: Log) -> None:
        item = await editing.find(log, CHARACTER, OPERATOR, which)
        made = await cards.export(log, item, next(one for one in cards.FORMS if one == wanted.value))
        for path in made.missing:
            echo(f"Left out: {path}, which is gone with its owner.", err=True)
        if to is None:
            files.show(made.content)
            return
        _write(to, made.content)
        say({"file": str(to), "format": wanted.value}, json=json)
        echo(f"Wrote {to}.", err=True)

    _carry(work)


def _carry(work: Callable[[Log], Awaitable[None]]) -> None:
    try:
        with_log(work)
    except (Rejected, Wrong) as error:
        raise NotFound(str(error)) from None


def content_of(file: Path) -> bytes:
    """The bytes of a file, or of standard input for `-`, cut beyond what is looked at. Raises NotFound."""
    try:
        with nullcontext(sys.stdin.buffer) if str(file) == "-" else file.open("rb") as source:
            return source.read(cards.MOST_BYTES + 1)
    except OSError as error:
        raise NotFound(f"{file} cannot be read: {error.strerror}.") from None


def _write(file: Path, content: bytes) -> None:
    files.write(file, content)
