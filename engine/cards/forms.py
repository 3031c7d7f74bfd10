"""Bring every kind of card to one form: a V3 tree, in which what has no place of its own is kept under `extensions`. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from engine.cards.trees import Tree

Spec = Literal["V1", "V2", "V3", "Pygmalion", "text-generation-webui", "Agnai", "Backyard"]
V1_FIELDS = ("name", "description", "personality", "scenario", "first_mes", "mes_example")
_WRAPPERS = ("card", "character", "chara", "char", "spec_v2", "data")
_PYGMALION = {
    "char_name": "name",
    "char_persona": "description",
    "char_greeting": "first_mes",
    "world_scenario": "scenario",
    "example_dialogue": "mes_example",
}
_WEBUI = {"name": "name", "context": "description", "greeting": "first_mes", "example_dialogue": "mes_example"}
_AGNAI = {
    "name": "name",
    "description": "creator_notes",
    "greeting": "first_mes",
    "scenario": "scenario",
    "sampleChat": "mes_example",
    "alternateGreetings": "alternate_greetings",
    "systemPrompt": "system_prompt",
    "postHistoryInstructions": "post_history_instructions",
    "characterBook": "character_book",
    "tags": "tags",
    "creator": "creator",
    "characterVersion": "character_version",
}


@dataclass(frozen=True, slots=True)
class Form:
    """A card's tree in V3's shape, and the specification it was written by. `around`: what stood around the card in its file."""

    tree: Tree
    spec: Spec
    around: Mapping[str, Any]

    @property
    def data(self) -> Tree:
        found = self.tree["data"]
        assert isinstance(found, dict)
        return found


def form_of(tree: object) -> Form | None:
    """The card in a document, also one or two objects deep; None when it holds none."""
    around: Tree = {}
    for _ in range(4):
        if isinstance(tree, list) and len(tree) == 1:
            tree = tree[0]
        if not isinstance(tree, dict):
            return None
        if (found := _read(tree)) is not None:
            return Form(found[0], found[1], around)
        inner = next((name for name in _WRAPPERS if isinstance(tree.get(name), dict | list)), None)
        if inner is None:
            return None
        around |= {name: value for name, value in tree.items() if name != inner}
        tree = tree[inner]
    return None


def _read(tree: Tree) -> tuple[Tree, Spec] | None:
    said = tree.get("spec")
    data = tree.get("data")
    if isinstance(data, dict) and (str(said).startswith("chara_card") or any(name in data for name in V1_FIELDS)):
        return tree, "V3" if said == "chara_card_v3" else "V2"
    if "char_name" in tree or "char_persona" in tree:
        return _mapped(tree, _PYGMALION, "pygmalion"), "Pygmalion"
    if tree.get("kind") == "character" and "persona" in tree:
        return _agnai(tree), "Agnai"
    if "context" in tree and ("greeting" in tree or "name" in tree) and "first_mes" not in tree:
        return _mapped(tree, _WEBUI, "text_generation_webui"), "text-generation-webui"
    if sum(name in tree for name in V1_FIELDS) >= 2 or ("name" in tree and str(said).startswith("chara_card")):
        return _from_v1(tree), "V1"
    return None


def _from_v1(tree: Tree) -> Tree:
    """Its six fields go into `data`; whatever else stands beside them stays where it is."""
    rest = {name: value for name, value in tree.items() if name not in V1_FIELDS}
    return rest | {"data": {name: tree[name] for name in V1_FIELDS if name in tree}}


def _mapped(tree: Tree, names: Mapping[str, str], kind: str) -> Tree:
    data = {ours: tree[theirs] for theirs, ours in names.items() if theirs in tree}
    rest = {name: value for name, value in tree.items() if name not in names}
    return {"data": data | ({"extensions": {kind: rest}} if rest else {})}


def _agnai(tree: Tree) -> Tree:
    found = _mapped(tree, _AGNAI, "agnai")
    found["data"]["description"] = attributes(tree["persona"])
    return found


def attributes(persona: object) -> str:
    """Agnai's persona as text: one text, or named attributes with several values each."""
    if isinstance(persona, str):
        return persona
    of = persona.get("attributes") if isinstance(persona, dict) else None
    if not isinstance(of, dict):
        return ""
    found = {str(name): ", ".join(map(str, values)) if isinstance(values, list) else str(values) for name, values in of.items()}
    return found["text"] if list(found) == ["text"] else "\n".join(f"{name}: {text}" for name, text in found.items())


def backyard(character: Mapping[str, Any], scenarios: Sequence[Mapping[str, Any]]) -> Form:
    """A Backyard archive's character with its first scenario; everything is kept under `extensions` as it was."""
    first = scenarios[0] if scenarios else {}
    data: Tree = {
        "name": character.get("displayName") or character.get("name"),
        "nickname": character.get("name"),
        "description": _braced(character.get("persona")),
        "scenario": _braced(first.get("narrative")),
        "first_mes": _braced(_said(first.get("firstMessages"), 0)),
        "mes_example": _braced("\n".join(f"<START>\n{text}" for text in _all_said(first.get("exampleMessages")))),
        "system_prompt": _braced(first.get("formattingInstructions")),
        "alternate_greetings": [_braced(_said(one.get("firstMessages"), 0)) for one in scenarios[1:] if _said(one.get("firstMessages"), 0)],
        "extensions": {"backyard": {"character": dict(character), "scenarios": [dict(one) for one in scenarios]}},
    }
    if isinstance(lore := character.get("loreItems"), list):
        data["character_book"] = {"entries": [_lore(item) for item in lore if isinstance(item, dict)], "extensions": {}}
    return Form({"data": {name: value for name, value in data.items() if value not in (None, "", [])}}, "Backyard", {})


def _lore(item: Mapping[str, Any]) -> Tree:
    keys = [part.strip() for part in str(item.get("key", "")).split(",") if part.strip()]
    entry = {"keys": keys, "content": _braced(item.get("value")), "enabled": True, "insertion_order": 0, "extensions": {}}
    return entry | {"use_regex": False}


def _said(messages: object, at: int) -> str:
    return said[at] if len(said := _all_said(messages)) > at else ""


def _all_said(messages: object) -> list[str]:
    found = messages if isinstance(messages, list) else []
    return [str(one.get("text", "")) for one in found if isinstance(one, dict)]


def _braced(text: object) -> str:
    """Backyard's `{character}` and `{user}` as everybody else writes them."""
    said = text if isinstance(text, str) else ""
    for theirs, ours in (("{character}", "{{char}}"), ("{user}", "{{user}}")):
        said = ours.join(part.replace(theirs, ours) for part in said.split(ours))
    return said
