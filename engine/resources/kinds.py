"""The kinds of things people edit, and the checks that hold for every kind alike. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.resources import channel, character, preset
from engine.resources.channel import ChannelSheet
from engine.resources.character import CharacterSheet
from engine.resources.field import FieldSpec, Resource, field, fields
from engine.resources.preset import PresetSheet
from engine.resources.reacting import sheet as reactions
from engine.resources.reacting.sheet import ReactionSheet
from engine.resources.typed import Wrong, beyond, read, show

Values = Mapping[str, Any]
"""Key of a field to its value."""


@dataclass(frozen=True, slots=True)
class Kind[R: Resource]:
    """One kind of thing.

    `problems` says what is wrong with values taken together, `settle` makes fields that exclude each other agree after an edit,
    from the values before and after.
    """

    name: str
    sheet: type[R]
    problems: Callable[[Values], dict[str, str]]
    settle: Callable[[Values, Values], dict[str, Any]] = lambda _, values: dict(values)

    @property
    def fields(self) -> tuple[FieldSpec, ...]:
        return fields(self.sheet)

    def field(self, key: str) -> FieldSpec | None:
        return field(self.sheet, key)


CHARACTER = Kind("character", CharacterSheet, character.problems)
CHANNEL = Kind("channel", ChannelSheet, channel.problems)
REACTIONS = Kind("reactions", ReactionSheet, reactions.problems)
PRESET = Kind("preset", PresetSheet, preset.problems, preset.settled)


def defaults(kind: Kind[Any]) -> dict[str, Any]:
    """The values of a new one before anything is typed."""
    return {spec.key: "" if spec.required else spec.default for spec in kind.fields}


def wrong(kind: Kind[Any], before: Values, after: Values) -> dict[str, str]:
    """What is wrong with values, by field, for forms that show all at once.

    What was stored already is let be: only fields that changed are measured, and of what is wrong taken together only what was not
    wrong before.
    """
    changed = {spec.key: spec for spec in kind.fields if after.get(spec.key) != before.get(spec.key)}
    found = {key: sentence for key, spec in changed.items() if (sentence := beyond(spec, after.get(key))) is not None}
    old = kind.problems(before)
    for key, sentence in kind.problems(after).items():
        if key in changed or old.get(key) != sentence:
            found.setdefault(key, sentence)
    return found


def typed(kind: Kind[Any], before: Values, texts: Mapping[str, str], *, new: bool = False) -> tuple[dict[str, Any], dict[str, str]]:
    """A filled-in form: the values of the fields it has, and what is wrong with it by field. `new`: nothing of it is stored yet."""
    values, bad = dict(before), dict[str, str]()
    for spec in kind.fields:
        if spec.key not in texts:
            continue
        try:
            values[spec.key] = _read(spec, texts[spec.key], before.get(spec.key))
        except Wrong as error:
            bad[spec.key] = str(error)
    values = kind.settle(before, values)
    return values, wrong(kind, {} if new else before, values) | bad


def _read(spec: FieldSpec, text: str, before: Any) -> Any:
    """The value of a text; one that was stored already is taken however long it is."""
    try:
        return read(spec, text)
    except Wrong:
        if before is not None and text.replace("\r\n", "\n") == show(spec, before):
            return before
        raise
