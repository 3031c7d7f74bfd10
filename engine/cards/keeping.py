"""The card a character came from, as the document that is stored beside it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from engine.cards import trees
from engine.cards.forms import Form, Spec
from engine.cards.trees import Tree


@dataclass(frozen=True, slots=True)
class KeptCard:
    """A card's form, and the addresses of the files that came with it by their paths."""

    form: Form
    files: Mapping[str, str] = field(default_factory=dict)


def document_of(kept: KeptCard) -> Tree:
    """The document, ready for JSON."""
    return {"spec": kept.form.spec, "tree": kept.form.tree, "around": dict(kept.form.around), "files": dict(kept.files)}


def kept_of(document: object) -> KeptCard | None:
    """The card of a document; None for what is none, so that a character goes out without it rather than not at all."""
    if not isinstance(document, dict) or not isinstance(tree := document.get("tree"), dict) or not isinstance(tree.get("data"), dict):
        return None
    said, around, files = document.get("spec"), document.get("around"), document.get("files")
    spec: Spec = next((one for one in get_args(Spec) if one == said), "V2")
    known = {str(path): str(address) for path, address in files.items()} if isinstance(files, dict) else {}
    return KeptCard(Form(tree, spec, around if isinstance(around, dict) else {}), known)


def packed(kept: KeptCard) -> bytes:
    """The bytes that are stored."""
    return trees.written(document_of(kept))


def unpacked(raw: bytes) -> KeptCard | None:
    """The card of stored bytes."""
    found: Any = trees.loaded(raw)
    return kept_of(found)
