"""The fields of a kind cut into screens of a dashboard that keep Discord's limits, and what a screen shows. Pure.

A message has five rows: the choice of the screen, the buttons of forms with Undo, switches, and two selects. So a screen has at most
four forms of five texts, five switches and two choices.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.delivery.split import LIMIT, length
from bot.discord import custom_ids
from bot.discord.components import Option, button, cut, form, row, select, text_input
from bot.discord.limits import FORM_INPUTS, FORM_TEXT, ROW_BUTTONS, SELECT_OPTIONS
from bot.discord.payload import Json
from bot.editing import Item
from engine.actor import Actor
from engine.decide import preset
from engine.resources.field import FieldSpec, pages
from engine.resources.kinds import Kind, defaults
from engine.resources.typed import show

FORMS, CHOICES = 4, 2
"""At most so many forms and selects of fields on a screen."""
NOTHING = "-"
"""The option that stands for no value."""


@dataclass(frozen=True, slots=True)
class Screen:
    """The fields shown at once: those typed into forms, those switched by a button, those chosen in a select."""

    title: str
    texts: tuple[FieldSpec, ...] = ()
    switches: tuple[FieldSpec, ...] = ()
    choices: tuple[FieldSpec, ...] = ()

    @property
    def fields(self) -> tuple[FieldSpec, ...]:
        return (*self.texts, *self.switches, *self.choices)

    @property
    def forms(self) -> list[tuple[FieldSpec, ...]]:
        """The texts, five to a form."""
        return [self.texts[at : at + FORM_INPUTS] for at in range(0, len(self.texts), FORM_INPUTS)]


def editable(kind: Kind[Any], actor: Actor) -> list[FieldSpec]:
    """The fields this actor may change: no stored files, which commands take, and no defaults, which a command chooses."""
    typable = [spec for spec in kind.fields if not spec.stored and spec.key not in preset.DEFAULTS]
    return [spec for spec in typable if actor.trusted or not spec.shown.operator]


def screens(kind: Kind[Any], actor: Actor) -> list[Screen]:
    """Every field this actor may change, each on one screen, by page; a page with too many has several."""
    mine, found = {spec.key for spec in editable(kind, actor)}, list[Screen]()
    for title, specs in pages(kind.sheet).items():
        groups = {"texts": list[FieldSpec](), "switches": list[FieldSpec](), "choices": list[FieldSpec]()}
        for spec in (spec for spec in specs if spec.key in mine):
            groups[_group(spec)].append(spec)
        parts = [_cut(groups["texts"], FORMS * FORM_INPUTS), _cut(groups["switches"], ROW_BUTTONS), _cut(groups["choices"], CHOICES)]
        count = max(len(part) for part in parts)
        for n in range(count):
            texts, switches, choices = (tuple(part[n]) if n < len(part) else () for part in parts)
            found.append(Screen(title if count == 1 else f"{title} {n + 1}", texts, switches, choices))
    return found


def _group(spec: FieldSpec) -> str:
    if spec.kind == "switch" and not spec.nullable:
        return "switches"
    return "choices" if spec.kind in ("switch", "choice", "preset") else "texts"


def _cut(specs: list[FieldSpec], most: int) -> list[list[FieldSpec]]:
    return [specs[at : at + most] for at in range(0, len(specs), most)]


def screen_of(kind: Kind[Any], actor: Actor, key: str) -> int:
    """The number of the screen a field stands on; 0 for none."""
    return next((n for n, screen in enumerate(screens(kind, actor)) if any(spec.key == key for spec in screen.fields)), 0)


def dashboard_text(item: Item, screen: Screen, note: str, warnings: Iterable[str], presets: Mapping[Any, str]) -> str:
    """A screen as text: what was just done, then each field with what it holds, shortened so that the whole fits one message."""
    head = [*([note] if note else []), f"**{item.name}** (`{item.handle}`) · {screen.title}"]
    foot = [f"⚠️ {warning}" for warning in warnings]
    room = LIMIT - sum(length(line) + 1 for line in (*head, *foot))
    each = max(20, room // max(1, len(screen.fields)) - 1)
    lines = [cut(f"**{spec.shown.label}:** {_value(item, spec, presets) or '*not set*'}", each) for spec in screen.fields]
    return cut("\n".join([*head, *lines, *foot]), LIMIT)


def _value(item: Item, spec: FieldSpec, presets: Mapping[Any, str]) -> str:
    value = item.values[spec.key]
    return presets.get(value, str(value)) if spec.kind == "preset" and value is not None else " ".join(show(spec, value).split())


def dashboard_rows(item: Item, number: int, known: Sequence[Screen], presets: Mapping[Any, str], undo: Json | None) -> tuple[Json, ...]:
    """The rows under a dashboard: which screen, its forms and Undo, its switches, its choices."""
    screen, kind = known[number], item.kind.name
    options = [Option(str(n), one.title, ", ".join(s.shown.label for s in one.fields), n == number) for n, one in enumerate(known)]
    buttons = [
        button(custom_ids.FORM_OPEN.id(kind, item.id, number, n), f"Edit {', '.join(s.shown.label.rstrip('?') for s in specs)}", "blue")
        for n, specs in enumerate(screen.forms)
    ]
    rows = [select(custom_ids.SCREEN.id(kind, item.id), "Other fields", options), row(*buttons, *([undo] if undo else []))]
    rows.append(row(*(_switch(item, spec) for spec in screen.switches)))
    rows += [_choice(item, spec, presets) for spec in screen.choices]
    return tuple(one for one in rows if one["components"])


def _switch(item: Item, spec: FieldSpec) -> Json:
    on = bool(item.values[spec.key])
    press = custom_ids.SWITCH.id(item.kind.name, item.id, spec.key, 0 if on else 1)
    return button(press, f"{spec.shown.label}: {'on' if on else 'off'}", "green" if on else "grey")


def _choice(item: Item, spec: FieldSpec, presets: Mapping[Any, str]) -> Json:
    value = item.values[spec.key]
    if spec.kind == "preset":
        known = {key: name for key, name in presets.items() if key == value} | dict(list(presets.items())[: SELECT_OPTIONS - 2])
        offered = [(str(key), name) for key, name in known.items()]
    else:
        texts = spec.choices or ("yes", "no")
        offered = [(text, text) for text in texts]
    now = show(spec, value)
    empty = [Option(NOTHING, f"{spec.shown.label}: {'the default' if spec.kind == 'preset' else 'not set'}", "", not now)]
    options = [*(empty if spec.nullable else []), *(Option(key, f"{spec.shown.label}: {name}", "", key == now) for key, name in offered)]
    return select(custom_ids.CHOOSE.id(item.kind.name, item.id, spec.key), spec.shown.label, options)


def edit_form(item: Item, specs: Sequence[FieldSpec], texts: Mapping[str, str]) -> Json:
    """The form of some fields as they are, or as they were typed the last time (`texts`)."""
    inputs = [_input(spec, texts.get(spec.key, show(spec, item.values[spec.key]))) for spec in specs]
    return form(custom_ids.FORM.id(item.kind.name, item.id, mark(item, [spec.key for spec in specs])), f"Edit {item.name}", inputs)


def too_long(item: Item, spec: FieldSpec) -> bool:
    """Whether a field holds more than a form of Discord's can show."""
    return length(show(spec, item.values[spec.key])) > FORM_TEXT


def create_form(kind: Kind[Any], texts: Mapping[str, str]) -> Json:
    """The form of a new one: what it must have, and what forms show first."""
    before = defaults(kind)
    inputs = [_input(spec, texts.get(spec.key, show(spec, before[spec.key]))) for spec in first_fields(kind)]
    return form(custom_ids.CREATE.id(kind.name), f"New {kind.name}", inputs)


def first_fields(kind: Kind[Any]) -> list[FieldSpec]:
    """At most five typed fields for a new one: those it must have, then those that forms show first."""
    typed = [spec for specs in pages(kind.sheet).values() for spec in specs if _group(spec) == "texts" and not spec.stored]
    return sorted(typed, key=lambda spec: not spec.required)[:FORM_INPUTS]


def _input(spec: FieldSpec, value: str) -> Json:
    long = spec.shown.widget in ("text", "lines", "names", "json", "people") or "\n" in value
    most = spec.shown.limit if spec.kind == "text" and spec.shown.limit else FORM_TEXT
    hint = " ".join(part for part in (spec.range + "." if spec.range else "", spec.shown.help) if part)
    needed = spec.required and spec.key != "slug"  # a short name is made of the name
    return text_input(spec.key, spec.shown.label, value, hint, most=most, long=long, required=needed)


def mark(item: Item, keys: Iterable[str]) -> str:
    """What some fields hold, in eight digits, so that a change between opening and sending a form is noticed."""
    held = {spec.key: show(spec, item.values[spec.key]) for key in sorted(keys) if (spec := item.kind.field(key)) is not None}
    return hashlib.sha256(json.dumps(held, sort_keys=True).encode()).hexdigest()[:8]
