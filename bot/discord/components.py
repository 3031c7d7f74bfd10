"""Buttons, selects and forms as Discord takes them, and the way to send them past nextcord's stores. Pure but for the two classes.

nextcord keeps every view and modal it sends, and asks them first when something is pressed; ours mean what their custom_id says
(bot.discord.custom_ids), so nothing is kept: both classes count as finished from the start.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import nextcord

from bot.delivery.split import length
from bot.discord.limits import FORM_INPUTS, FORM_TEXT, LABEL, ROW_BUTTONS, SELECT_OPTIONS, TITLE
from bot.discord.payload import Json

ACTION_ROW, BUTTON, SELECT, TEXT_INPUT = 1, 2, 3, 4
type Colour = Literal["blue", "grey", "green", "red"]
_STYLES: Mapping[Colour, int] = {"blue": 1, "grey": 2, "green": 3, "red": 4}


def button(custom_id: str, label: str, colour: Colour = "grey", *, off: bool = False) -> Json:
    """A button; `off`: it cannot be pressed."""
    made: Json = {"type": BUTTON, "style": _STYLES[colour], "label": cut(label, LABEL), "custom_id": custom_id}
    return made | ({"disabled": True} if off else {})


def row(*items: Json) -> Json:
    """Up to five buttons beside each other, or one select."""
    return {"type": ACTION_ROW, "components": list(items)}


def rows(buttons: Sequence[Json]) -> list[Json]:
    """Buttons in as many rows as they need."""
    return [row(*buttons[at : at + ROW_BUTTONS]) for at in range(0, len(buttons), ROW_BUTTONS)]


@dataclass(frozen=True, slots=True)
class Option:
    """One choice of a select."""

    value: str
    label: str
    about: str = ""
    chosen: bool = False


def select(custom_id: str, hint: str, options: Iterable[Option]) -> Json:
    """A row with a select of one; at most 25 options are kept."""
    made = []
    for option in list(options)[:SELECT_OPTIONS]:
        one: Json = {"label": cut(option.label, 100) or option.value, "value": option.value, "default": option.chosen}
        made.append(one | ({"description": cut(option.about, 100)} if option.about else {}))
    return row({"type": SELECT, "custom_id": custom_id, "placeholder": cut(hint, 150), "min_values": 1, "max_values": 1, "options": made})


def text_input(key: str, label: str, value: str = "", hint: str = "", *, most: int = FORM_TEXT, long: bool, required: bool = False) -> Json:
    """A line or box of a form, in a row of its own, with what it holds now."""
    made: Json = {
        "type": TEXT_INPUT,
        "custom_id": key,
        "style": 2 if long else 1,
        "label": cut(label, TITLE),
        "required": required,
        "max_length": min(max(most, length(value), 1), FORM_TEXT),
    }
    extra = {"value": value} if value else {}
    return row(made | extra | ({"placeholder": cut(hint, 100)} if hint else {}))


def form(custom_id: str, title: str, inputs: Sequence[Json]) -> Json:
    """A form of up to five inputs. The classic rows: nextcord's parser breaks at labels (type 18)."""
    assert 1 <= len(inputs) <= FORM_INPUTS, "Discord takes one to five inputs"
    return {"custom_id": custom_id, "title": cut(title, TITLE), "components": list(inputs)}


def cut(text: str, most: int) -> str:
    """The beginning of a text, with an ellipsis where something was left out. In UTF-16 units."""
    if length(text) <= most:
        return text
    kept = text[: most - 1]
    while length(kept) > most - 1:
        kept = kept[:-1]
    return kept.rstrip() + "…"


class Rows(nextcord.ui.View):
    """Raw rows of components, in the form that nextcord sends."""

    def __init__(self, components: Sequence[Json]) -> None:
        super().__init__(timeout=None, prevent_update=False)
        self._rows = list(components)
        self.stop()

    def to_components(self) -> list[Any]:
        return self._rows


class Form(nextcord.ui.Modal):
    """A raw form, in the form that nextcord sends."""

    def __init__(self, made: Json) -> None:
        super().__init__(str(made["title"]), custom_id=str(made["custom_id"]), timeout=None)
        self._made = made
        self.stop()

    def to_dict(self) -> dict[str, Any]:
        return self._made
