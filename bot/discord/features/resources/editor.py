"""What the commands and the buttons of a kind do alike: show one, change it, make, delete, list, and carry it in and out as a file."""

import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from bot import cards, editing, proxies, sheets
from bot.discord import custom_ids
from bot.discord.answers import Interaction, Told
from bot.discord.components import Option, button, cut, row, select
from bot.discord.context import Context, key_of
from bot.discord.features.resources import known, screens
from bot.discord.features.undo.press import changed, undo_button
from bot.discord.limits import SELECT_OPTIONS, UPLOAD
from bot.discord.payload import Json
from bot.editing import Item
from engine import ids
from engine.actor import Actor
from engine.cards.proxies import is_export
from engine.decide.rejected import Rejected
from engine.resources.field import FieldSpec
from engine.resources.files import to_file
from engine.resources.kinds import CHARACTER, PRESET, Kind, defaults, typed
from engine.resources.places.kinds import PERSONA
from engine.resources.preset import PresetSheet
from engine.resources.typed import Wrong

INTRODUCTION = frozenset({"info"})
"""Of a character that is not theirs, people see this besides what it is called."""
DRAFTS = 100
NOTES = 15
"""Lines about a file, at most."""


@dataclass(slots=True)
class Drafts:
    """What was typed into forms that were refused, so that it need not be typed again. In memory only, the newest hundred."""

    _kept: OrderedDict[tuple[int, str, UUID | None], Mapping[str, str]] = field(default_factory=OrderedDict)

    def keep(self, user: int, kind: Kind[Any], item: UUID | None, texts: Mapping[str, str]) -> None:
        self._kept[user, kind.name, item] = dict(texts)
        self._kept.move_to_end((user, kind.name, item))
        while len(self._kept) > DRAFTS:
            self._kept.popitem(last=False)

    def take(self, user: int, kind: Kind[Any], item: UUID | None) -> Mapping[str, str]:
        """What this person typed last, once; empty when there is nothing."""
        return self._kept.pop((user, kind.name, item), {})


@dataclass(slots=True)
class Editor:
    """Reads and changes for one interaction after the other; what is typed is the only thing it remembers."""

    context: Context
    drafts: Drafts = field(default_factory=Drafts)

    async def view(self, actor: Actor, item: Item) -> Told:
        """Everything a person may see of it, and what they can do with it."""
        presets = await known.preset_names(self.context, item.kind, actor)
        whole = sees_all(item)
        lines = [f"**{item.name}** · `{item.handle}`" + (f" · {item.values['visibility']}" if "visibility" in item.values else "")]
        for spec, text in editing.shown(item, everything=False, presets=dict(presets)):
            if spec.key not in ("name", "slug", "visibility") and not spec.stored and (whole or spec.key in INTRODUCTION):
                lines.append(f"**{spec.shown.label}:** {editing.filled(text, item.name) if item.kind is CHARACTER else text}")
        lines += [f"⚠️ {line}" if warns else line for line, warns in await self._effective(item)]
        if (used := await editing.last_used(self.context.log, item)) is not None:
            lines.append(f"**Last used:** <t:{int(used.timestamp())}:f>")
        name = item.kind.name
        edit = [button(custom_ids.EDIT.id(name, item.id), "Edit", "blue")] if item.editable else []
        export = [button(custom_ids.EXPORT.id(name, item.id), "Export")] if whole else []
        return Told("\n".join(lines), (row(*edit, *export),) if edit or export else ())

    async def _effective(self, item: Item) -> list[tuple[str, bool]]:
        """What a preset sends, by the function that builds the requests (B6), and what to mind about it."""
        if not isinstance(item.sheet, PresetSheet):
            return []
        preview = await editing.preview(self.context.log, item.sheet)
        left = [(f"Not sent: {part}", True) for part in preview.effective.left_out]
        return [(f"**Most tokens of a reply, as sent:** {preview.max_tokens}", False), *left, *((line, True) for line in preview.warnings)]

    async def dashboard(self, actor: Actor, item: Item, number: int, note: str = "", undo: Json | None = None) -> Told:
        """A screen of the fields, to be changed by forms, switches and choices. Raises Rejected for a screen that is not there."""
        all_screens = screens.screens(item.kind, actor)
        if not 0 <= number < len(all_screens):
            raise Rejected(f"There are no such fields any more. Use `/{item.kind.name} edit` instead.")
        presets = await known.preset_names(self.context, item.kind, actor)
        long = [spec.shown.label for spec in all_screens[number].texts if screens.too_long(item, spec)]
        minded = [line if warns else line.replace("**", "") for line, warns in await self._effective(item)]
        if long:
            minded.append(f"{', '.join(long)}: longer than a form of Discord's takes. Change it with an export and an import.")
        text = screens.dashboard_text(item, all_screens[number], note, minded, presets)
        return Told(text, screens.dashboard_rows(item, number, all_screens, presets, undo))

    async def fresh(self, actor: Actor, item: Item) -> Item:
        """The item as it is after a change."""
        return await known.by_id(self.context, item.kind, actor, item.id)

    async def change(self, interaction: Interaction, item: Item, values: Mapping[str, Any]) -> bool:
        """Change fields; False when all is so already. Raises Rejected."""
        actor = self.context.actor(interaction)
        command = editing.change(item, editing.changes(item.values, values))
        return bool((await sheets.carry_out(self.context.log, actor, item.kind, command, key_of(interaction.id))).events)

    async def changed(self, interaction: Interaction, item: Item, values: Mapping[str, Any], number: int) -> Told:
        """Change fields and show the dashboard again, with what was done and the way back. Raises Rejected."""
        actor, done = self.context.actor(interaction), await self.change(interaction, item, values)
        after = await self.fresh(actor, item)
        labels = [s.shown.label.rstrip("?") for s in item.kind.fields if after.values[s.key] != item.values[s.key]]
        note = f"✅ Changed: {', '.join(labels)}." if done and labels else "✅ Changed." if done else "Nothing changed: it is so already."
        return await self.dashboard(actor, after, number, note, undo_button(interaction) if done else None)

    async def typed(self, interaction: Interaction, item: Item, texts: Mapping[str, str]) -> dict[str, Any]:
        """The values after texts were typed. Raises Rejected naming every text that cannot be taken."""
        presets = await known.preset_names(self.context, item.kind, self.context.actor(interaction))
        values, wrong = typed(item.kind, item.values, {key: _meant(item.kind, key, text, presets) for key, text in texts.items()})
        if mine := [sentence for key, sentence in wrong.items() if key in texts]:
            raise Rejected(" ".join(mine))
        return values

    async def create(self, interaction: Interaction, kind: Kind[Any], texts: Mapping[str, str]) -> Told:
        """Make a new one of a form. What was refused is kept for the next try."""
        actor = self.context.actor(interaction)
        values, wrong = editing.fresh(kind, texts)
        try:
            if wrong:
                raise Rejected(" ".join(wrong.values()))
            return await self._made(interaction, kind, editing.changes(defaults(kind), values))
        except (Rejected, Wrong) as error:
            self.drafts.keep(actor.user_id, kind, None, texts)
            return Told(str(error), (row(button(custom_ids.CREATE_AGAIN.id(kind.name), "Try again", "blue")),), done=False)

    async def _made(
        self, interaction: Interaction, kind: Kind[Any], values: Mapping[str, Any], *, measured: bool = True, notes: Sequence[str] = ()
    ) -> Told:
        actor, item_id = self.context.actor(interaction), self._new_id(kind, interaction)
        command = editing.creation(kind, item_id, values, measured=measured)
        await editing.carry_out(self.context.log, actor, command, key_of(interaction.id))
        return self.is_there(interaction, await known.by_id(self.context, kind, actor, item_id), notes)

    def _new_id(self, kind: Kind[Any], interaction: Interaction) -> UUID:
        return ids.derived(kind.name, "discord", interaction.id)

    def is_there(self, interaction: Interaction, item: Item, notes: Sequence[str]) -> Told:
        """The answer to a new one: how to use it, what a file had besides, and what can be done next."""
        use = {
            "character": f"Call it with `{self.context.settings.bot_mention_char}{item.handle}`.",
            "preset": "`/preset default` lets it answer you.",
            "persona": "`/persona default` makes it who you are.",
        }.get(item.kind.name, "")
        private = " It is private: only you can use it." if item.values.get("visibility") == "private" else ""
        lines = listed(notes)
        edit = button(custom_ids.EDIT.id(item.kind.name, item.id), "Edit", "blue")
        return changed(interaction, f"**{item.name}** is there. {use}{private}{lines}", edit)

    async def imported(self, interaction: Interaction, kind: Kind[Any], raw: bytes, name: str) -> Told:
        """Make a new one of a file: a card of any program, one of ours, or the predecessor's. Raises Rejected and Wrong."""
        actor, log = self.context.actor(interaction), self.context.log
        if kind is CHARACTER:
            if len(raw) > cards.MOST_BYTES:
                raise Rejected(f"The file is larger than {cards.MOST_BYTES // 2**20} MB.")
            found = await cards.read(log, actor, raw, name)
            item, notes = await cards.make(log, actor, found, self._new_id(kind, interaction), key_of(interaction.id))
            return self.is_there(interaction, item, notes)
        try:
            tree = json.loads(raw)
        except (ValueError, RecursionError):
            raise Wrong("The file holds no JSON.") from None
        if kind is PERSONA and is_export(tree):
            taken = await proxies.take(log, actor, await proxies.read(raw))
            return Told("\n".join([taken.words, *taken.notes[:NOTES]]))
        read = await editing.imported(log, kind, actor, tree)
        return await self._made(interaction, kind, read.values, measured=False, notes=[f"Left out: {line}" for line in read.left])

    async def exported(self, item: Item, form: cards.FileForm = "tzurot") -> Told:
        """Every field as a JSON file; a character also as a card. Raises Rejected where not all of it is theirs to see."""
        if not sees_all(item):
            raise Rejected(f"Only its owners can export this {item.kind.name}. `/{item.kind.name} view` shows it.")
        if item.kind is CHARACTER:
            made = await cards.export(self.context.log, item, form)
            name, content, lost = made.name, made.content, "".join(f"\nGone: {path}" for path in made.missing[:NOTES])
        else:
            body = json.dumps(to_file(item.kind, item.values), ensure_ascii=False, indent=2) + "\n"
            name, content, lost = f"{item.kind.name}-{item.handle}.json", body.encode(), ""
        if len(content) > UPLOAD:
            raise Rejected("The file is larger than Discord takes. Whoever runs the bot can export it at the command line.")
        return Told(f"**{item.name}**, every field.{lost}", file=(name, content))

    def deletion(self, item: Item) -> Told:
        """What deleting it does, and the button that does it."""
        name, lost = item.kind.name, ""
        what = "whoever chose it is answered by another one" if item.kind is PRESET else "where you chose it you are yourself again"
        if item.kind is CHARACTER:
            what, lost = "it answers no more, and its short name becomes free", " unless somebody else takes that name"
        text = (
            f"This deletes **{item.name}** (`{item.handle}`) for everybody: {what}. "
            f"Whoever deletes it can take that back within 30 days{lost}; after that it cannot be undone."
        )
        return Told(text, (row(button(custom_ids.DELETE.id(name, item.id), f"Delete {item.name}", "red")),))

    async def delete(self, interaction: Interaction, item: Item) -> Told:
        """Delete it. Raises Rejected."""
        command = editing.deletion(item.kind, item.id)
        await editing.carry_out(self.context.log, self.context.actor(interaction), command, key_of(interaction.id))
        return changed(interaction, f"**{item.name}** is deleted.")

    async def browse(self, actor: Actor, kind: Kind[Any], number: int) -> Told:
        """A page of what there is: a line each, a choice to open one, buttons to turn the page."""
        listed = [one for one in await known.items(self.context, kind, actor) if one.listed]
        if not listed:
            return Told(f"There is none yet. `/{kind.name} create` makes one.")
        last = (len(listed) - 1) // SELECT_OPTIONS
        at = min(number, last)
        shown = listed[at * SELECT_OPTIONS : (at + 1) * SELECT_OPTIONS]
        lines = [self._line(one, actor) for one in shown]
        options = [Option(one.id.hex, one.name, one.handle) for one in shown]
        rows = [select(custom_ids.OPEN.id(kind.name), "Look at one", options)]
        if last:
            lines.append(f"Page {at + 1} of {last + 1}, {len(listed):,} in all.")
            turn = [("◀", max(at - 1, 0), at == 0, 0), ("▶", min(at + 1, last), at == last, 1)]
            # A page's number stands on both buttons at the ends: a custom_id may stand only once, so the switched-off one names another.
            rows.append(
                row(*(button(custom_ids.BROWSE.id(kind.name, to if not off else last + 1 + n), s, off=off) for s, to, off, n in turn))
            )
        return Told("\n".join(lines), tuple(rows))

    def _line(self, item: Item, actor: Actor) -> str:
        mine = " · yours" if item.owner_id == actor.user_id else " · yours too" if item.editable and not actor.trusted else ""
        if item.kind is CHARACTER:
            return f"{self.context.settings.bot_mention_char}{item.handle} — {item.name}{mine}"
        more = item.values.get("model") or item.values.get("pronouns")
        return f"`{item.handle}` — {item.name}{f' ({more})' if more else ''}{mine}"


def listed(notes: Sequence[str]) -> str:
    """Lines about a file, at most NOTES of them. Pure."""
    more = [f"and {len(notes) - NOTES} more"] if len(notes) > NOTES else []
    return "".join(f"\n- {cut(note, 200)}" for note in [*notes[:NOTES], *more])


def sees_all(item: Item) -> bool:
    """Whether every field may be shown: to those who may change it, and where it belongs to nobody or is no character."""
    return item.editable or item.owner_id is None or item.kind is not CHARACTER


def _meant(kind: Kind[Any], key: str, text: str, presets: Mapping[UUID, str]) -> str:
    """A preset may be typed by its name."""
    spec: FieldSpec | None = kind.field(key)
    if spec is None or spec.kind != "preset":
        return text
    wanted = text.strip().casefold()
    return next(
        (str(id_) for id_, name in presets.items() if wanted and wanted in (name.casefold(), name.rpartition(" (")[0].casefold())), text
    )
