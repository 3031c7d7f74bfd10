"""From sections to a prompt that fits: the system message, what was said, the message to answer, and last what changes every time."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from pydantic import JsonValue

from engine.events.turn import DroppedPart, PromptSection
from projections.models.craft import chat_variables
from projections.prompt import form, tokens, window
from projections.prompt.macros import PREFIX, Dice, left, of_rolls
from projections.prompt.message import Image, Message, Part, Text, ToolCall, ToolResult
from projections.prompt.section import Chosen, Offering, Piece, Place, Scene, Section
from projections.prompt.sections import ORDER

VERSION = 2
"""Goes up whenever the same pieces would be put together otherwise; each section has a version of its own."""
MARGIN = 20
"""One token in so many stays unused, because a count without the model's own vocabulary is an estimate."""
SHARE = 4
"""Sections that may be left out get one token in so many."""
_SYSTEM: tuple[Place, ...] = ("head", "foot")


@dataclass(frozen=True, slots=True)
class Ingredients:
    """All that a prompt is made of: the data of each section by name, and what it was chosen from.

    `limit` is how many entries of the history may come before the message to answer, `begin` where the window of the conversation
    began. `exact`: everything that was chosen is in, in its order, by the `versions` of that time.
    """

    scene: Scene
    data: Mapping[str, Any]
    chosen: Mapping[str, Chosen] = field(default_factory=dict)
    limit: int = 50
    begin: int | None = None
    order: Sequence[Section] = ORDER
    exact: bool = False
    versions: Mapping[str, int] = field(default_factory=dict)
    forms: Sequence[str] = ()
    """Those of projections.prompt.form that the model wants its messages in."""

    def without(self, name: str, left: Chosen) -> "Ingredients":
        """The same with nothing of one section; `left` says what it left out."""
        return replace(self, data={**self.data, name: None}, chosen={**self.chosen, name: left})


@dataclass(frozen=True, slots=True)
class Prompt:
    """Ready to send, with a record of each section.

    `begins` is where the conversation's next prompt begins as well; None after a makeshift that is not to be kept.
    """

    messages: tuple[Message, ...]
    tokens: int
    sections: tuple[PromptSection, ...]
    begins: int | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    """What the conversation's next prompt begins with."""

    def as_json(self) -> list[dict[str, JsonValue]]:
        return [message.as_json() for message in self.messages]

    def bytes(self) -> bytes:
        """The messages as they are sent: what the hash is of."""
        return orjson.dumps(self.as_json())

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.bytes()).hexdigest()

    @property
    def history_ids(self) -> tuple[int, ...]:
        """Positions of what was said in it, in its order, the message to answer last."""
        return tuple(position for section in self.sections if section.name == "history" for position in section.positions)

    @property
    def dropped(self) -> tuple[DroppedPart, ...]:
        return tuple(part for section in self.sections for part in section.dropped)


class DoesNotFit(ValueError):
    """What has to be there is longer than the model's window."""


@dataclass(slots=True)
class _Draft:
    """A section on its way into a prompt: the pieces that are in, and what is not."""

    section: Section
    version: int
    data: Any
    chosen: Chosen
    pieces: list[Piece] = field(default_factory=list)
    gone: list[DroppedPart] = field(default_factory=list)
    kept: list[int] | None = None
    """Which of the pieces are in, where some may be left out."""
    dice: Dice = field(default_factory=lambda: Dice(""))

    def render(self, scene: Scene) -> None:
        pieces = self.section.render(self.data, replace(scene, draw=self.dice.draw), self.version)
        self.pieces = list(pieces) if self.kept is None else [pieces[index] for index in self.kept]

    def drop(self, piece: Piece, why: str) -> None:
        self.gone.append(DroppedPart(what=piece.what or self.section.NAME, why=why, tokens=size(piece.message)))

    def at(self, place: Place) -> list[Piece]:
        """The pieces that stand at a place."""
        return [piece for piece in self.pieces if (piece.place or self.section.PLACE) == place]

    def record(self) -> PromptSection:
        refs = tuple(dict.fromkeys(ref for piece in self.pieces for ref in piece.refs)) or (() if self.gone else self.chosen.refs)
        refs = tuple(dict.fromkeys((*refs, *self.chosen.always)))
        dropped = (*self.chosen.dropped, *self.gone, *(cut for piece in self.pieces for cut in piece.cut))
        count = sum(tokens_of(part) for piece in self.pieces for part in piece.message.parts)
        rolls = (*(roll for roll in self.chosen.rolls if not roll.what.startswith(PREFIX)), *self.dice.rolls())
        return PromptSection(name=self.section.NAME, version=self.version, refs=refs, tokens=count, dropped=dropped, rolls=rolls)


def assemble(ingredients: Ingredients, budget: int, *, thin: bool = False) -> Prompt:
    """The prompt of a turn: the same ingredients give the same bytes, at most `budget` tokens long by our count of the final text.

    `thin` leaves out the older 30 % of what was said. Raises DoesNotFit.
    """
    with tokens.counted_once():
        return _assembled(ingredients, budget - budget // MARGIN, thin=thin)


def _assembled(ingredients: Ingredients, allowed: int, *, thin: bool) -> Prompt:
    drafts = [_draft(section, ingredients) for section in ingredients.order]
    scene = replace(ingredients.scene, offered=_offered(drafts, ingredients.scene))
    _render(drafts, scene, "head", "foot", "talk", "depth", "steps")
    talk = next(draft for draft in drafts if draft.section.BUDGET == "window")
    scene = replace(scene, present=_present(talk.pieces))
    _render(drafts, scene, "tail")
    if not ingredients.exact:
        _spare(drafts, talk, allowed)
        _window(drafts, talk, ingredients, allowed, thin=thin)
        _unmoored(drafts, talk)
        _said_once(drafts, talk)
        _render(drafts, replace(scene, present=_present(talk.pieces)), "tail")  # now that it is clear who is
    messages = form.shaped(_messages(drafts, talk), ingredients.forms)
    begins = None if thin or ingredients.exact else talk.pieces[0].group
    records = tuple(draft.record() for draft in drafts)
    kept = left(scene.offered) if any(record.name == chat_variables.SECTION and record.refs for record in records) else {}
    return Prompt(messages, sum(map(size, messages)), records, begins, kept)


def texts(ingredients: Ingredients) -> dict[str, str]:
    """What each section says, by its name: to find the one in which two prompts differ."""
    drafts = [_draft(section, ingredients) for section in ingredients.order]
    scene = replace(ingredients.scene, offered=_offered(drafts, ingredients.scene))
    _render(drafts, scene, "head", "foot", "talk", "depth")
    talk = next(draft for draft in drafts if draft.section.BUDGET == "window")
    _render(drafts, replace(scene, present=_present(talk.pieces)), "tail", "steps", "elsewhere")
    return {draft.section.NAME: "\n".join(piece.message.content for piece in draft.pieces) for draft in drafts}


def _draft(section: Section, ingredients: Ingredients) -> _Draft:
    name = section.NAME
    version = ingredients.versions.get(name, section.VERSION)
    chosen = ingredients.chosen.get(name, Chosen())
    return _Draft(section, version, ingredients.data.get(name), chosen, dice=of_rolls(ingredients.scene.seed, chosen.rolls))


def _render(drafts: Sequence[_Draft], scene: Scene, *places: str) -> None:
    for draft in drafts:
        if draft.section.PLACE in places:
            draft.render(scene)


def _spare(drafts: Sequence[_Draft], talk: _Draft, allowed: int) -> None:
    """Leave out what may be left out: what is beyond its share, and what has no room beside what must be there."""
    room = allowed - sum(map(size, _messages(_required(drafts), talk, talk.pieces[-1:])))
    room = min(room, allowed // SHARE)
    for draft in drafts:
        if draft.section.BUDGET == "spare":
            draft.kept = []
            for index, piece in enumerate(draft.pieces):
                taken = 0 if piece.place == "elsewhere" else size(piece.message)  # what says it elsewhere pays for it
                if taken <= room or not taken:
                    draft.kept.append(index)
                    room -= taken
                else:
                    draft.drop(piece, "room")
            draft.pieces = [draft.pieces[index] for index in draft.kept]


def _required(drafts: Sequence[_Draft]) -> list[_Draft]:
    return [draft for draft in drafts if draft.section.BUDGET != "spare"]


def _window(drafts: Sequence[_Draft], talk: _Draft, ingredients: Ingredients, allowed: int, *, thin: bool) -> None:
    """Leave out the oldest of what was said: what is beyond the limit, then what has no room. Raises DoesNotFit."""
    past = talk.pieces[:-1]
    room = allowed - sum(map(size, _messages(drafts, talk, talk.pieces[-1:])))
    if room < 0:
        raise DoesNotFit(f"{allowed - room} tokens are needed, {allowed} are allowed")
    sizes, places = [size(piece.message) for piece in past], [piece.group for piece in past]
    wanted = window.start(places, sizes, previous=ingredients.begin, limit=ingredients.limit, budget=sum(sizes))
    fitting = window.start(places, sizes, previous=ingredients.begin, limit=ingredients.limit, budget=room)
    first = window.whole(places, fitting + ((len(past) - fitting) * 3 // 10 if thin else 0))
    reasons = ["limit"] * wanted + ["room"] * (fitting - wanted) + ["thin"] * (first - fitting)
    for piece, why in zip(past, reasons, strict=False):
        talk.drop(piece, why)
    talk.pieces = talk.pieces[first:]


def _offered(drafts: Sequence[_Draft], scene: Scene) -> dict[str, str]:
    """What sections have for others: first those that are always there, because others build on them."""
    found: dict[str, str] = {}
    for draft in sorted(drafts, key=lambda draft: draft.section.BUDGET == "spare"):
        if isinstance(draft.section, Offering):
            found |= draft.section.offer(draft.data, replace(scene, draw=draft.dice.draw, offered=found), draft.version)
    return found


def _unmoored(drafts: Sequence[_Draft], talk: _Draft) -> None:
    """Leave out what stood before an entry that has no room any more."""
    first = talk.pieces[0].position
    for draft in drafts:
        if draft.section.BUDGET != "spare" or draft.kept is None:
            continue
        gone = {at for at, piece in enumerate(draft.pieces) if piece.at is not None and piece.at < first}
        for at in gone:
            draft.drop(draft.pieces[at], "window")
        draft.kept = [index for at, index in enumerate(draft.kept) if at not in gone]
        draft.pieces = [piece for at, piece in enumerate(draft.pieces) if at not in gone]


def _said_once(drafts: Sequence[_Draft], talk: _Draft) -> None:
    """Leave out what the history, now that it is clear how far back it goes, shows itself."""
    shown = {piece.position for piece in talk.pieces}
    for draft in drafts:
        if draft.kept is None:
            continue
        again = [piece.repeats in shown for piece in draft.pieces]
        for piece, twice in zip(draft.pieces, again, strict=True):
            if twice:
                draft.drop(piece, "history")
        draft.kept = [index for index, twice in zip(draft.kept, again, strict=True) if not twice]
        draft.pieces = [piece for piece, twice in zip(draft.pieces, again, strict=True) if not twice]


def _messages(drafts: Sequence[_Draft], talk: _Draft, said: Sequence[Piece] | None = None) -> tuple[Message, ...]:
    """One system message, what was said, the message to answer together with what comes last, and what was done for it since."""
    said = talk.pieces if said is None else said
    head = [part for place in _SYSTEM for draft in drafts for piece in draft.at(place) for part in piece.message.parts]
    tail = [part for draft in drafts for piece in draft.at("tail") for part in piece.message.parts]
    messages = [piece.message for piece in said]
    messages[-1] = Message(messages[-1].role, _joined([*messages[-1].parts, *tail], "\n"))
    deep = [(_index(piece, said), piece.message) for draft in drafts for piece in draft.at("depth")]
    deep.reverse()  # of those at one place the last is put in first
    for index, message in sorted(deep, key=lambda placed: -placed[0]):
        messages.insert(index, message)
    steps = (piece.message for draft in drafts for piece in draft.at("steps"))
    return (Message("system", _joined(head, "\n\n")), *messages, *steps)


def _index(piece: Piece, said: Sequence[Piece]) -> int:
    """Before which of the entries a piece stands."""
    if piece.at is None:
        return max(len(said) - max(piece.depth, 1), 0)
    return next((index for index, one in enumerate(said) if one.position >= piece.at), len(said) - 1)


def _joined(parts: Sequence[Part], between: str) -> tuple[Part, ...]:
    """Parts with texts beside each other made one; an empty one adds nothing."""
    found: list[Part] = []
    for part in parts:
        if isinstance(part, Text) and found and isinstance(last := found[-1], Text):
            found[-1] = Text(f"{last.text}{between}{part.text}" if part.text else last.text)
        else:
            found.append(part)
    return tuple(found)


def size(message: Message) -> int:
    """Tokens of one message with what surrounds it."""
    return sum(map(tokens_of, message.parts)) + tokens.PER_MESSAGE


def tokens_of(part: Part) -> int:
    """Tokens of a part by our count."""
    match part:
        case Text(text) | ToolResult(_, text):
            return tokens.count(text)
        case ToolCall(_, name, arguments):
            return tokens.count(name) + tokens.count(arguments)
        case Image():
            return part.tokens


def _present(pieces: Sequence[Piece]) -> tuple[str, ...]:
    return tuple(sorted({piece.speaker for piece in pieces if piece.speaker}))
