"""`tzurot character …` and `tzurot preset …`: every option is made from the field it sets."""

import inspect
import json as jsonlib
import sys
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from bot import editing, proxies, sheets
from bot.cli import avatar, cards, files, overrides, personas
from bot.cli.acting import OPERATOR, carry
from bot.cli.output import listed
from bot.editing import Item
from engine import ids
from engine.cards.proxies import is_export
from engine.decide.rejected import Rejected
from engine.resources.field import FieldSpec
from engine.resources.files import to_file
from engine.resources.kinds import CHARACTER, PRESET, Kind, defaults, typed
from engine.resources.places.kinds import PERSONA
from engine.store import Log
from engine.terminal import Json, Yes, echo, say, table
from projections.models import catalog
from projections.terminal import NotFound

FILE_BYTES = 16 * 1024 * 1024
"""A character with the largest picture, as base64."""
Which = Annotated[str, typer.Argument(help="Its name, short name or id.")]


def register(app: typer.Typer) -> None:
    """Add a group of commands per kind."""
    about = {
        "character": "Characters: create, edit, show, import and export them.",
        "preset": "Presets: a model and how it is asked.",
        "persona": "Personas: who people can be for characters, and who they are where.",
    }
    for kind in (CHARACTER, PRESET, PERSONA):
        group = typer.Typer(no_args_is_help=True, help=about[kind.name])
        for name, command in _commands(kind).items():
            group.command(name)(command)
        app.add_typer(group, name=kind.name)


def _commands(kind: Kind[Any]) -> dict[str, Callable[..., None]]:
    found = {
        "list": _list(kind),
        "show": _show(kind),
        "create": _create(kind),
        "edit": _edit(kind),
        "delete": _delete(kind),
        "restore": _restore(kind),
        "export": _export(kind),
        "import": _import(kind),
    }
    of_characters: dict[str, Callable[..., None]] = {"avatar": avatar.command, "import": cards.import_, "export": cards.export}
    of_presets: dict[str, Callable[..., None]] = {"default": _default, "override": overrides.override}
    more: dict[str, dict[str, Callable[..., None]]] = {"preset": of_presets, "persona": {"wear": personas.wear}}
    return found | more.get(kind.name, of_characters)


def _list(kind: Kind[Any]) -> Callable[..., None]:
    def command(json: Json = False) -> None:
        async def work(log: Log) -> None:
            found = await editing.items(log, kind, OPERATOR)
            listed([_brief(item) for item in found], f"There is no {kind.name} yet. `tzurot {kind.name} create` makes one.", json=json)

        carry(work)

    command.__doc__ = f"List every {kind.name}."
    return command


def _brief(item: Item) -> dict[str, Any]:
    owner = "system" if item.owner_id is None else item.owner_id
    if item.kind is CHARACTER:
        return {"short name": item.handle, "name": item.name, "visibility": item.values["visibility"], "owner": owner, "id": str(item.id)}
    if item.kind is PERSONA:
        return {"persona": item.handle, "name": item.name, "pronouns": item.values["pronouns"], "owner": owner, "id": str(item.id)}
    marks = [name for name in ("is_global", "is_default", "is_free_default") if item.values[name]]
    return {
        "preset": item.handle,
        "name": item.name,
        "model": item.values["model"],
        "owner": owner,
        "marks": " ".join(marks),
        "id": str(item.id),
    }


def _show(kind: Kind[Any]) -> Callable[..., None]:
    def command(which: Which, json: Json = False) -> None:
        async def work(log: Log) -> None:
            item = await editing.find(log, kind, OPERATOR, which)
            used = await editing.last_used(log, item)
            if json:
                more = {"last_used": used.isoformat()} if used else {}
                return say({"id": str(item.id), "owner_id": item.owner_id} | to_file(kind, item.values) | more, json=True)
            last = [("last used", f"{used:%Y-%m-%d, about %H:00} UTC")] if used else []
            table(("field", "value"), [*((spec.key, text) for spec, text in editing.shown(item, everything=False)), *last])
            for line in await _minded(log, item):
                echo(line)
            return None

        carry(work)

    command.__doc__ = f"Show a {kind.name}: every field that is set."
    return command


async def _minded(log: Log, item: Item) -> list[str]:
    """What a preset sends and what to mind about it; nothing for other kinds."""
    if item.kind is not PRESET:
        return []
    preview = await editing.preview(log, item.sheet)  # type: ignore[arg-type]  # a preset's sheet
    left = [f"Not sent: {part}" for part in preview.effective.left_out]
    return [f"Most tokens of a reply: {preview.max_tokens}", *left, *(f"Mind: {warning}" for warning in preview.warnings)]


def _create(kind: Kind[Any]) -> Callable[..., None]:
    def command(json: bool, **options: str | None) -> None:
        async def work(log: Log) -> None:
            texts = {spec.key: text for spec in kind.fields if (text := options.get(_parameter(spec))) is not None}
            values, wrong = editing.fresh(kind, texts)
            if wrong:
                raise Rejected(" ".join(wrong.values()))
            await _made(log, kind, editing.changes(defaults(kind), values), json=json)

        carry(work)

    return with_options(command, kind, f"Create a {kind.name}.")


async def _made(
    log: Log, kind: Kind[Any], fields: dict[str, Any], *, json: bool, measured: bool = True, notes: tuple[str, ...] = ()
) -> None:
    item_id = ids.random_id()
    await editing.carry_out(log, OPERATOR, editing.creation(kind, item_id, fields, measured=measured), ids.random_id())
    item = await editing.by_id(log, kind, OPERATOR, item_id)
    assert item is not None
    say(_brief(item) | {"notes": list(notes)}, json=json, words="\n".join([f"Created {item.name} ({item.handle}).", *notes]))


def _edit(kind: Kind[Any]) -> Callable[..., None]:
    def command(which: str, json: bool, **options: str | None) -> None:
        async def work(log: Log) -> None:
            item = await editing.find(log, kind, OPERATOR, which)

            async def save(changed: dict[str, Any]) -> None:
                await editing.carry_out(log, OPERATOR, editing.edition(kind, item.id, changed), ids.random_id())

            await edit(Edited(kind, item.values, item.name), options, save, json=json)

        carry(work)

    return with_options(command, kind, f"Change fields of a {kind.name}; those not named stay as they are.", which=True)


@dataclass(frozen=True, slots=True)
class Edited:
    """What a command changes fields of: its values so far, and what it is called."""

    kind: Kind[Any]
    before: dict[str, Any]
    called: object


async def edit(what: Edited, options: dict[str, str | None], save: Callable[[dict[str, Any]], Awaitable[object]], *, json: bool) -> None:
    """Have the fields saved that the options change, if any, and say which. Raises Rejected, naming what cannot be taken."""
    changed = editing.changes(what.before, typed_options(what.kind, what.before, options))
    if changed:
        await save(changed)
    words = f"Changed {', '.join(sorted(changed))} of {what.called}." if changed else "Nothing changed."
    say({"changed": sorted(changed)}, json=json, words=words)


async def edit_sheet(log: Log, kind: Kind[Any], item: Item, called: str, options: dict[str, str | None], *, json: bool) -> None:
    """Change what is set for a server or a person as the options say."""

    async def save(changed: dict[str, Any]) -> None:
        await sheets.carry_out(log, OPERATOR, kind, editing.change(item, changed), ids.random_id())

    await edit(Edited(kind, item.values, called), options, save, json=json)


def typed_options(kind: Kind[Any], before: dict[str, Any], options: dict[str, str | None]) -> dict[str, Any]:
    """The values after the options that were given. Raises Rejected, naming every option that cannot be taken."""
    texts = {spec.key: text for spec in kind.fields if (text := options.get(_parameter(spec))) is not None}
    values, wrong = typed(kind, before, texts)
    mine = {key: sentence for key, sentence in wrong.items() if key in texts}
    if mine:
        raise Rejected(" ".join(mine.values()))
    return values


def _delete(kind: Kind[Any]) -> Callable[..., None]:
    def command(which: Which, yes: Yes = False, json: Json = False) -> None:
        async def work(log: Log) -> None:
            item = await editing.find(log, kind, OPERATOR, which)
            shown = _brief(item) | {"deleted": yes}
            if not yes:
                return say(shown, json=json, words=f"This deletes {item.name} ({item.handle}). Nothing was done. Run again with --yes.")
            await editing.carry_out(log, OPERATOR, editing.deletion(kind, item.id), ids.random_id())
            return say(shown, json=json, words=f"Deleted {item.name}. Bring it back with: tzurot {kind.name} restore {item.id}")

        carry(work)

    command.__doc__ = f"Delete a {kind.name}. What it was stays in the log, so that it can be restored."
    return command


def _restore(kind: Kind[Any]) -> Callable[..., None]:
    def command(which: Annotated[str, typer.Argument(help="Its id, or a name if only one was called so.")], json: Json = False) -> None:
        async def work(log: Log) -> None:
            gone = await editing.deleted(log, kind)
            found = [(id_, name) for id_, name in gone if which.casefold() in (str(id_), name.casefold())]
            if len(found) != 1:
                many = ", ".join(str(id_) for id_, _ in found)
                raise Rejected(f"Several were called so: {many}." if found else f"No deleted {kind.name} is called so.")
            await editing.carry_out(log, OPERATOR, editing.restoration(kind, found[0][0]), ids.random_id())
            say({"id": str(found[0][0])}, json=json, words=f"{found[0][1]} is back.")

        carry(work)

    command.__doc__ = f"Bring a deleted {kind.name} back."
    return command


def _export(kind: Kind[Any]) -> Callable[..., None]:
    def command(
        which: Which,
        file: Annotated[Path | None, typer.Argument(help="Where to; standard output unless named.", show_default=False)] = None,
        json: Json = False,
    ) -> None:
        async def work(log: Log) -> None:
            item = await editing.find(log, kind, OPERATOR, which)
            text = jsonlib.dumps(to_file(kind, item.values), ensure_ascii=False, indent=2) + "\n"
            if file is None:
                files.show(text.encode("utf-8", "replace"))
            else:
                files.write(file, text.encode("utf-8", "replace"))
                say({"file": str(file)}, json=json)
                echo(f"Wrote {file}.", err=True)

        carry(work)

    command.__doc__ = f"Write a {kind.name} with every field as JSON."
    return command


def _import(kind: Kind[Any]) -> Callable[..., None]:
    def command(
        file: Annotated[Path, typer.Argument(help="The JSON file; - is standard input.")],
        preview: Annotated[bool, typer.Option("--preview", help="Only show what would be made.")] = False,
        json: Json = False,
    ) -> None:
        tree = _json_of(file)

        async def work(log: Log) -> None:
            if kind is PERSONA and is_export(tree):
                return await _proxied(log, tree, preview=preview, json=json)
            read = await editing.imported(log, kind, OPERATOR, tree)
            notes = tuple(f"Left out: {line}" for line in read.left)
            if preview:
                shown = {"fields": to_file(kind, defaults(kind) | read.values), "notes": list(notes)}
                return say(shown, json=json, words="\n".join([f"This would create {read.values.get('name')}.", *notes]))
            return await _made(log, kind, read.values, json=json, measured=False, notes=notes)

        carry(work)

    command.__doc__ = f"Create a {kind.name} from a JSON file: one of ours, or of the predecessor's."
    return command


async def _proxied(log: Log, tree: object, *, preview: bool, json: bool) -> None:
    """Make the personas of an export of PluralKit or Tupperbox."""
    export = await proxies.read(jsonlib.dumps(tree).encode())
    if preview:
        names = [one.name for one in export.personas]
        return say({"program": export.program, "personas": names, "notes": list(export.bad)}, json=json, words="\n".join(names))
    taken = await proxies.take(log, OPERATOR, export)
    return say(asdict(taken), json=json, words="\n".join([taken.words, *taken.notes]))


def _json_of(file: Path) -> object:
    try:
        with nullcontext(sys.stdin.buffer) if str(file) == "-" else file.open("rb") as source:
            raw = source.read(FILE_BYTES + 1)
        if len(raw) > FILE_BYTES:
            raise NotFound(f"{file} is larger than {FILE_BYTES // 2**20} MB.")
        return jsonlib.loads(raw)
    except OSError as error:
        raise NotFound(f"{file} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError):
        raise NotFound(f"{file} holds no JSON.") from None


def _default(
    which: Annotated[str | None, typer.Argument(help="Name or id; without it the default is shown.", show_default=False)] = None,
    free: Annotated[bool, typer.Option("--free", help="The default of people without a key.")] = False,
    json: Json = False,
) -> None:
    """Show or choose the preset that answers where a character has none. Overrules DEFAULT_MODEL, which only counts at the first start."""

    async def work(log: Log) -> None:
        flag = "is_free_default" if free else "is_default"
        known = await editing.items(log, PRESET, OPERATOR)
        async with log.pool.connection() as connection:
            marked = [p for p in await catalog.presets(connection, log.vault) if p.is_global and getattr(p, flag)]
        former = marked[-1] if marked else None
        if which is not None:
            item = editing.pick(known, PRESET, which)
            await editing.make_default(log, OPERATOR, item, ids.random_id(), free=free)
            return say(_brief(item), json=json, words=f"{item.name} ({item.values['model']}) is the default now.")
        shown = _brief(editing.pick(known, PRESET, str(former.id))) if former else {}
        words = f"{shown['name']} ({shown['model']}) is the default." if shown else "No preset is the default."
        return say(shown, json=json, words=words)

    carry(work)


def with_options(command: Callable[..., None], kind: Kind[Any], about: str, *, which: bool = False) -> Callable[..., None]:
    """The command with one option per field, as typer reads them from its signature."""
    found: list[inspect.Parameter] = []
    keyword = inspect.Parameter.KEYWORD_ONLY
    if which:
        found.append(inspect.Parameter("which", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Which))
    for spec in (spec for spec in kind.fields if not spec.stored):  # a picture has a command of its own
        option = typer.Option(f"--{spec.option}", help=_help(spec), show_default=False, metavar=_metavar(spec))
        found.append(inspect.Parameter(_parameter(spec), keyword, default=None, annotation=Annotated[str | None, option]))
    found.append(inspect.Parameter("json", keyword, default=False, annotation=Json))
    command.__signature__ = inspect.Signature(found)  # type: ignore[attr-defined]  # typer reads it
    command.__doc__ = f"{about} `null` empties a field that may be empty."
    return command


def _parameter(spec: FieldSpec) -> str:
    return spec.key.replace(".", "_") + "_option"


def _metavar(spec: FieldSpec) -> str:
    return (
        "|".join(spec.choices)
        if spec.choices and len(spec.choices) < 6
        else {"switch": "yes|no", "json": "JSON"}.get(spec.kind, spec.kind.upper())
    )


def _help(spec: FieldSpec) -> str:
    return " ".join(part for part in (f"{spec.shown.label}.", f"{spec.range}." if spec.range else "", spec.shown.help) if part)
