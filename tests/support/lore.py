"""Plays recorded lorebook cases: a case is settings, books, a chat and steps with what another engine made of them."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from engine.lore import Book, Entry, Evaluation, Globals, Line, Placed, Scene, TimedState, evaluate, place
from engine.lore.book import raw_entry

Case = Mapping[str, Any]
_STRATEGIES = {0: "evenly", 1: "character_first", 2: "global_first"}


def tokens(text: str) -> int:
    """A token for every four UTF-16 code units."""
    return math.ceil(len(text.encode("utf-16-le", "surrogatepass")) / 8)


def settings_of(case: Case) -> Globals:
    """The case's settings by our names."""
    given = {name.removeprefix("world_info_"): value for name, value in case["settings"].items() if name != "max_context"}
    if "character_strategy" in given:
        given["strategy"] = _STRATEGIES[given.pop("character_strategy")]
    return Globals.model_validate(given)


def books_of(case: Case, entries: Mapping[int, Mapping[str, Any]]) -> list[Book]:
    """The case's books, each with its entries."""
    sources: Mapping[str, Any] = case.get("sources") or {"": "global"}
    read = raw_entry if case.get("raw_entries") else Entry.model_validate
    found = []
    for name, bound in sources.items():
        own = [read(fields) for fields in entries.values() if not name or fields.get("world", name) == name]
        found.append(Book(name=name, entries=tuple(own), sources=(bound,) if isinstance(bound, str) else tuple(bound)))
    return found


def scene_of(case: Case, step: Case, chat: Sequence[Mapping[str, Any]]) -> Scene:
    """What is searched in one step."""
    context = case["context"]
    names = {"char": context["char"], "user": context["user"]}

    def fill(text: str) -> str:
        return re.sub(r"\{\{(char|user)\}\}", lambda found: names[found[1].lower()], text, flags=re.IGNORECASE)

    note = step.get("authors_note") or context.get("authors_note") or {}
    notes = [inject["value"] for inject in context.get("injects", ()) if inject.get("scan")]
    if note.get("allow_scan") and note.get("add") and note.get("text"):
        notes.append(note["text"])
    return Scene(
        lines=[Line(message["name"], message["text"]) for message in chat],
        fill=fill,
        card_file=context.get("char_file", context["char"]),
        tags=context.get("char_tags", ()),
        trigger=step.get("trigger") or context.get("trigger", "normal"),
        persona=context.get("persona", ""),
        description=context.get("description", ""),
        personality=context.get("personality", ""),
        depth_prompt=context.get("depth_prompt", ""),
        scenario=context.get("scenario", ""),
        creator_notes=context.get("creator_notes", ""),
        notes=notes,
    )


def play(case: Case) -> list[tuple[Mapping[str, Any], Evaluation, Placed]]:
    """Evaluate every step in order, on the same chat and the same timed state."""
    chat, entries = list(case["chat"]), {entry["uid"]: dict(entry) for entry in case["book"]}
    state, settings, outcomes = TimedState(), settings_of(case), []
    for step in case["steps"]:
        chat = chat[: len(chat) - step.get("remove", 0)] + list(step["append"])
        for uid, changed in step.get("edit", {}).items():
            entries[int(uid)] |= changed
        rolls = iter(step["rolls"])
        outcome = evaluate(
            books_of(case, entries),
            scene_of(case, step, chat),
            settings,
            max_context=case["settings"].get("max_context", 4096),
            count=tokens,
            random=lambda rolls=rolls: next(rolls),  # type: ignore[misc]  # the step's own list
            state=state,
            dry_run=step.get("dry_run", False),
        )
        state = outcome.state
        outcomes.append((step, outcome, place(outcome.activated)))
    return outcomes


def text_of(case: Case, step: Case, placed: Placed) -> dict[str, Any]:
    """The placed texts in the form the cases have."""
    found: dict[str, Any] = {
        "before": placed.before,
        "after": placed.after,
        "depth": [{"depth": group.depth, "role": group.role, "entries": list(group.texts)} for group in placed.at_depth],
    }
    note = step.get("authors_note") or case["context"].get("authors_note") or {}
    if placed.examples:
        found["examples"] = [{"position": position, "content": text} for position, text in placed.examples]
    found |= {name: list(texts) for name, texts in (("an_top", placed.note_top), ("an_bottom", placed.note_bottom)) if texts}
    if placed.outlets:
        found["outlets"] = {name: list(texts) for name, texts in placed.outlets.items()}
    if note.get("add"):
        found["authors_note"] = placed.around(note.get("text", ""))
    return found


def timed_of(state: TimedState) -> dict[str, Any]:
    """Running effects by uid, without what identifies the entry's text."""
    return {
        kind: {
            key.rsplit(".", 1)[1]: {"start": effect.start, "end": effect.end, "protected": effect.protected}
            for key, effect in getattr(state, kind).items()
        }
        for kind in ("sticky", "cooldown")
    }


def differences(case: Case) -> list[str]:
    """What our engine makes of a case otherwise than was recorded; empty when it agrees in everything."""
    wrong = []
    for number, (step, outcome, placed) in enumerate(play(case)):
        ours = {
            "activated": list(placed.order),
            "activation_order": [one.uid for one in outcome.activated],
            "text": text_of(case, step, placed),
            "budget_overflow": outcome.over_budget,
            "loops": [{"state": int(r.state), "found": list(r.found), "kept": list(r.kept)} for r in outcome.rounds],
            "timed": timed_of(outcome.state),
            "rolls": [number for _, number in outcome.rolls],
        }
        wrong += [f"step {number} {name}: {value!r} instead of {step[name]!r}" for name, value in ours.items() if value != step[name]]
    return wrong
