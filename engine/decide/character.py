"""Rules for characters. Pure."""

import re
import unicodedata
from collections.abc import Mapping
from uuid import UUID

from pydantic import ValidationError

from engine.decide.refusal import Refusal
from engine.events.character import CharacterCreated, Description, Visibility

LIMITS: Mapping[str, int] = {"name": 100, "slug": 50, "info": 4000, "traits": 4000, "tone": 500, "greeting": 1000, "avatar_url": 2000}
"""What a person may type, in characters."""
_SLUG = re.compile(r"[a-z][a-z0-9-]{2,49}")


def slug_of(name: str) -> str:
    """A slug made of a name: `Wren Halloway` -> `wren-halloway`; padded when the name has too little to make one of."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-").lstrip("0123456789-")[:50].rstrip("-")
    return slug if len(slug) >= 3 else f"character-{slug}".rstrip("-")


def create(
    character_id: UUID, owner_id: int, fields: Mapping[str, str], *, taken: bool, visibility: Visibility = "private"
) -> CharacterCreated:
    """A new character of this person's. `taken`: its slug belongs to another one. Raises Refusal with what to change."""
    values = {name: fields.get(name, "").replace("\r\n", "\n").strip() for name in LIMITS}
    values["name"] = " ".join(values["name"].split())
    slug = values.pop("slug") or slug_of(values["name"])
    for name, text in values.items():
        if len(text) > LIMITS[name]:
            raise Refusal(f"The {name.replace('_', ' ')} may have {LIMITS[name]:,} characters; this has {len(text):,}.")
    if not any(c.isalnum() for c in values["name"]):
        raise Refusal("A character needs a name with a letter or a digit in it, so that it can be called.")
    if not values["info"] and not values["traits"]:
        raise Refusal("Say at least in one sentence who this character is.")
    if not _SLUG.fullmatch(slug):
        raise Refusal("The short name takes 3 to 50 small letters, digits and hyphens, and begins with a letter.")
    if taken:
        raise Refusal(f"There is a character called {slug} already. Choose another short name.")
    try:
        description = Description.model_validate(values)
    except ValidationError:
        raise Refusal("A field holds something that cannot be stored.") from None
    return CharacterCreated(character_id=character_id, owner_id=owner_id, slug=slug, visibility=visibility, description=description)
