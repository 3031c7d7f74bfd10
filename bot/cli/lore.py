"""`tzurot lore`: lorebooks in and out, where they are attached, and what a text wakes."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from bot import editing, lore
from bot.cli import files
from bot.cli.acting import OPERATOR, carry
from bot.cli.cards import content_of
from bot.cli.editing import Edited, edit, with_options
from bot.cli.naming import number
from bot.cli.output import listed
from engine import ids
from engine.decide.craft.lorebook import Attach, Delete, Detach, Edit
from engine.lore.book import LoreScope
from engine.resources.craft.kinds import LOREBOOK
from engine.resources.field import values
from engine.resources.kinds import CHARACTER
from engine.store import Log
from engine.terminal import Json, Yes, echo, say, table
from projections.prompt.sections.character import Card
from projections.terminal import NotFound

Book = Annotated[str, typer.Argument(metavar="BOOK", help="Its name or id.")]
Character = Annotated[str, typer.Option("--character", help="A character.")]
Channel = Annotated[str, typer.Option("--channel", help="A channel (its id).")]
Guild = Annotated[str, typer.Option("--guild", help="A server (its id).")]
Person = Annotated[str, typer.Option("--person", help="A person (their id).")]
Everywhere = Annotated[bool, typer.Option("--everywhere", help="Wherever the bot is.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Lorebooks: what conversations wake.")
    group.command("list")(_list)
    group.command("show")(_show)
    group.command("import")(_import)
    group.command("export")(_export)
    group.command("edit")(with_options(_edit, LOREBOOK, "Change what is set for a whole book; entries stay as they are.", which=True))
    group.command("attach")(_attach)
    group.command("detach")(_detach)
    group.command("delete")(_delete)
    group.command("test")(_test)
    app.add_typer(group, name="lore")


def _list(json: Json = False) -> None:
    """List the lorebooks with where they are attached."""

    async def work(log: Log) -> None:
        found = await lore.books(log, OPERATOR, entries=False)
        rows = [
            {"name": book.sheet.name, "id": book.handle, "entries": len(book.shelved.entries), "attached": await _places(log, book)}
            for book in found
        ]
        listed(rows, "There are no lorebooks. `tzurot lore import` brings one in; a card's own comes with its character.", json=json)

    carry(work)


async def _places(log: Log, book: lore.OwnBook) -> str:
    known = {str(item.id): item.handle for item in await editing.items(log, CHARACTER, OPERATOR)}
    return ", ".join(f"{scope} {known.get(target, target)}".strip() for scope, target in book.shelved.attached) or "nowhere"


def _show(which: Book, json: Json = False) -> None:
    """Show what is set for a lorebook, and its entries."""

    async def work(log: Log) -> None:
        book = await lore.find(log, OPERATOR, which)
        set_ = values(book.sheet)
        say({"id": str(book.id), **set_, "entries": list(book.entries.values())}, json=json)
        if json:
            return
        table(("field", "value"), [(spec.shown.label, set_[spec.key]) for spec in LOREBOOK.fields])
        rows = [(uid, form["comment"], form["keys"].replace("\n", ", ")[:60], form["where"]) for uid, form in _forms(book)]
        table(("entry", "title", "keys", "place"), rows, empty="It has no entry yet.")

    carry(work)


def _forms(book: lore.OwnBook) -> list[tuple[int, dict[str, str]]]:
    return [(uid, lore.form_of(entry)) for uid, entry in sorted(book.entries.items())]


def _import(
    file: Annotated[Path, typer.Argument(help="A world of SillyTavern's, a card's book, NovelAI's, Agnai's, Risu's; - is standard input.")],
    character: Character = "",
    channel: Channel = "",
    guild: Guild = "",
    person: Person = "",
    everywhere: Everywhere = False,
    json: Json = False,
) -> None:
    """Bring a lorebook in from a file, attached where an option says."""
    raw = content_of(file)

    async def work(log: Log) -> None:
        found = await lore.read_file(raw, str(file))
        named = any((character, channel, guild, person, everywhere))
        places = [await _where(log, character, channel, guild, person, everywhere)] if named else []
        book = await lore.make(log, OPERATOR, found, ids.random_id(), places)
        shown = {"id": str(book), "name": found.sheet.name, "from": found.kind, "entries": len(found.entries), "notes": list(found.notes)}
        words = f"{found.sheet.name} came in from {found.kind} with {len(found.entries)} entries."
        hint = [] if places else ["It is attached nowhere yet: `tzurot lore attach` does that."]
        say(shown, json=json, words="\n".join([words, *found.notes, *hint]))

    carry(work)


def _export(
    which: Book,
    out: Annotated[Path | None, typer.Option("--out", help="Where to; standard output unless named.", show_default=False)] = None,
    json: Json = False,
) -> None:
    """Write a lorebook as a world file that SillyTavern reads."""

    async def work(log: Log) -> None:
        content = lore.file_of(await lore.find(log, OPERATOR, which))
        if out is None:
            files.show(content)
            return
        files.write(out, content)
        if json:
            say({"wrote": str(out)}, json=True)
        else:
            echo(f"Wrote {out}.", err=True)

    carry(work)


def _edit(which: str, json: bool = False, **options: str | None) -> None:
    async def work(log: Log) -> None:
        book = await lore.find(log, OPERATOR, which)
        before = values(book.sheet)

        async def save(changed: dict[str, Any]) -> None:
            await lore.carry_out(log, OPERATOR, Edit(book.id, changed), ids.random_id())

        await edit(Edited(LOREBOOK, before, book.sheet.name), options, save, json=json)

    carry(work)


def _moving(command: type[Attach] | type[Detach], done: str, words: str, about: str) -> Callable[..., None]:
    """The command that attaches a lorebook somewhere, or detaches it."""

    def moved(
        which: Book,
        character: Character = "",
        channel: Channel = "",
        guild: Guild = "",
        person: Person = "",
        everywhere: Everywhere = False,
        json: Json = False,
    ) -> None:
        async def work(log: Log) -> None:
            book = await lore.find(log, OPERATOR, which)
            scope, target = await _where(log, character, channel, guild, person, everywhere)
            await lore.carry_out(log, OPERATOR, command(book.id, scope, target), ids.random_id())
            say({done: f"{scope} {target}".strip()}, json=json, words=f"{book.sheet.name} {words}")

        carry(work)

    moved.__doc__ = about
    return moved


_attach = _moving(
    Attach,
    "attached",
    "is looked at there from now on.",
    "Let a lorebook be looked at somewhere: by a character, in a channel, in a server, for a person, or everywhere.",
)
_detach = _moving(Detach, "detached", "is not looked at there any more.", "Let a lorebook not be looked at there any more.")


def _delete(which: Book, yes: Yes = False, json: Json = False) -> None:
    """Delete a lorebook. `tzurot undo` brings it back."""

    async def work(log: Log) -> None:
        book = await lore.find(log, OPERATOR, which)
        if not yes:
            words = f"This would delete {book.sheet.name} with {len(book.entries)} entries. Add --yes to do it."
            return say({"would_delete": book.handle, "entries": len(book.entries)}, json=json, words=words)
        await lore.carry_out(log, OPERATOR, Delete(book.id), ids.random_id())
        return say({"deleted": book.handle}, json=json, words=f"Deleted {book.sheet.name}.")

    carry(work)


def _test(
    text: Annotated[str, typer.Argument(help="What somebody might say; a line a message.")],
    book: Annotated[list[str] | None, typer.Option("--book", help="Only this lorebook; may be given again.", show_default=False)] = None,
    character: Character = "",
    roll: Annotated[float, typer.Option(min=0, max=0.999, help="The number drawn for every chance, from 0 to 1.")] = 0.0,
    json: Json = False,
) -> None:
    """Show what a text wakes, without saying it: each entry, by which key, its tokens, or the check that said no."""

    async def work(log: Log) -> None:
        found = [await lore.find(log, OPERATOR, one) for one in book or []] or await lore.books(log, OPERATOR)
        item = await editing.find(log, CHARACTER, OPERATOR, character) if character else None
        card = Card(item.sheet.description) if item is not None else None  # type: ignore[attr-defined]  # a character's sheet
        tried = lore.trial(found, text, card, "Somebody", roll)
        rows = [
            {"book": one.book, "entry": one.uid, "title": one.title, "woken": one.woken, "why": one.reason}
            | {"tokens": one.tokens, "roll": one.roll}
            for one in tried
        ]
        listed(rows, "There are no entries to wake.", json=json)

    carry(work)


async def _where(log: Log, character: str, channel: str, guild: str, person: str, everywhere: bool) -> tuple[LoreScope, str]:
    """The one place that is named. Raises NotFound when there are more or none."""
    if sum(map(bool, (character, channel, guild, person, everywhere))) != 1:
        raise NotFound("Name one place: --character, --channel, --guild, --person or --everywhere.")
    if everywhere:
        return "everywhere", ""
    if character:
        return "character", str((await editing.find(log, CHARACTER, OPERATOR, character)).id)
    scope: LoreScope = "channel" if channel else "guild" if guild else "person"
    return scope, str(number(channel or guild or person, "server" if guild else scope))


__all__ = ["register"]
