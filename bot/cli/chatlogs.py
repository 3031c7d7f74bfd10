"""`tzurot chat …`: conversations of other programs in, and ours out."""

import sys
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bot import chatlogs, editing, imports
from bot.cli import files
from engine import ids
from engine.actor import operator
from engine.decide.rejected import Rejected
from engine.outside import numbers
from engine.resources.kinds import CHARACTER
from engine.store import Log
from engine.terminal import Json, echo, say
from projections.terminal import NotFound, with_log

OPERATOR = operator(1)


class _Form(StrEnum):
    JSONL = "jsonl"
    MD = "md"
    HTML = "html"


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(no_args_is_help=True, help="Conversations: import chat logs of other programs, export ours.")
    group.command("import")(import_)
    group.command("import-undo")(import_undo)
    group.command("export")(export)
    app.add_typer(group, name="chat")


def import_(
    file: Annotated[Path, typer.Argument(help="A chat log of SillyTavern, Chub, RisuAI, Agnai, KoboldLite, oobabooga or CAI Tools.")],
    character: Annotated[str, typer.Option("--character", help="Who is talked with: a name, short name or id of a character here.")],
    preview: Annotated[bool, typer.Option("--preview", help="Only say what the file holds.")] = False,
    json: Json = False,
) -> None:
    """Import chat logs: original times, every variant. The same file again adds nothing; an import that was cut short goes on."""
    try:
        with nullcontext(sys.stdin.buffer) if str(file) == "-" else file.open("rb") as source:
            raw = source.read(chatlogs.MOST_BYTES + 1)
    except OSError as error:
        raise NotFound(f"{file} cannot be read: {error.strerror}.") from None

    async def work(log: Log) -> None:
        host = await editing.find(log, CHARACTER, OPERATOR, character)
        found = await chatlogs.read(raw)
        if preview:
            held = [{"form": chat.form, "lines": len(chat.lines), "bad": list(chat.bad)} for chat in found]
            return say(held, json=json, words="\n".join(f"{one['form']}: {one['lines']} lines" for one in held))
        done = [await chatlogs.take(log, OPERATOR, chat, host) for chat in found]
        told = [
            f"{one.form}: {one.lines} lines, {one.repeated} of them were here already, {one.silent} notes passed over. "
            f"Channel {one.channel}." + "".join(f"\n{bad}" for bad in one.bad)
            for one in done
        ]
        return say([asdict(one) for one in done], json=json, words="\n".join(told))

    _carry(work)


def import_undo(
    character: Annotated[str, typer.Option("--character", help="Whose talk: a name, short name or id of a character here.")],
    confirm: Annotated[str, typer.Option(help=f"Type {imports.CONFIRM} to confirm; without it only what it is is said.")] = "",
    json: Json = False,
) -> None:
    """Take back the imported conversations with a character: no history, memory or prompt has them. `tzurot undo` brings each back."""

    async def work(log: Log) -> None:
        host = await editing.find(log, CHARACTER, OPERATOR, character)
        found = await imports.imported(log, OPERATOR, host.id)
        held = imports.words(found, host.name).replace("`/history import`", "`tzurot chat import`")
        sure = confirm.strip().casefold() == imports.CONFIRM
        many = await imports.take_back(log, OPERATOR, host.id, ids.random_id()) if sure else 0
        words = f"Taken back: {held}" if many else f"{held} Nothing was taken back yet: --confirm {imports.CONFIRM} does it."
        say({"taken_back": many, "channels": [one.channel for one in found]}, json=json, words=words)

    _carry(work)


def export(
    channel: Annotated[int, typer.Argument(min=0, max=numbers.MOST, help="The channel's id.")],
    form: Annotated[_Form, typer.Option("--format", help="jsonl: SillyTavern's, with every variant.")] = _Form.JSONL,
    out: Annotated[Path | None, typer.Option("--out", help="Where to; standard output unless named.", show_default=False)] = None,
    json: Json = False,
) -> None:
    """Write a conversation to a file, or to standard output; with --json that is an object which holds it."""

    async def work(log: Log) -> None:
        chat = await chatlogs.give(log, OPERATOR, channel)
        content = chatlogs.written(chat, "jsonl" if form is _Form.JSONL else "md" if form is _Form.MD else "html")
        about = {"channel": channel, "format": form.value, "bytes": len(content)}
        if out is None and json:
            say(about | {"content": content.decode()}, json=True)
        elif out is None:
            files.show(content)
        else:
            files.write(out, content)
            say(about | {"file": str(out)}, json=json)
            echo(f"Wrote {out}.", err=True)

    _carry(work)


def _carry(work: Callable[[Log], Awaitable[None]]) -> None:
    try:
        with_log(work)
    except Rejected as error:
        raise NotFound(str(error)) from None
