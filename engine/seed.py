"""What is there at the first start: three characters to talk with, and the preset they answer by. Saying it again changes nothing."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

from engine import blobs, ids
from engine.events.build import new
from engine.events.character import CharacterCreated, Description
from engine.events.claim import Claimed
from engine.events.preset import Parameters, PresetCreated
from engine.store import Log, NewEvent
from engine.subjects import SYSTEM_SUBJECT

SAMPLES = Path(__file__).with_name("samples.json")
DEFAULT_PRESET = ids.derived("preset", "default")
LOUDEST = "brine"
"""The character whose voice even a toy model keeps up."""


def character_id(slug: str) -> UUID:
    """The id of the sample character with this slug: the same in every installation."""
    return ids.derived("sample character", slug)


def samples() -> list[CharacterCreated]:
    """The characters that come with the program: public, owned by nobody."""
    return [_character(entry) for entry in json.loads(SAMPLES.read_text(encoding="utf-8"))]


def _character(entry: dict[str, Any]) -> CharacterCreated:
    slug = str(entry["slug"])
    description = Description.model_validate({name: value for name, value in entry.items() if name != "slug"})
    return CharacterCreated(character_id=character_id(slug), owner_id=None, slug=slug, visibility="public", description=description)


def default_preset(model: str) -> PresetCreated:
    """The preset that answers where no other is chosen."""
    return PresetCreated(
        preset_id=DEFAULT_PRESET,
        owner_id=None,
        model=model,
        is_global=True,
        is_default=True,
        parameters=Parameters(temperature=0.7),
        name="Default",
        description="Made at first start. Edit it, or make another one the default.",
    )


async def plant(log: Log, model: str) -> bool:
    """Append what is missing; True when anything was. What was edited or deleted since stays as it is."""
    pictured = [event.model_copy(update={"avatar": await _picture(log, event.slug)}) for event in samples()]
    preset = (_new(default_preset(model), "preset", DEFAULT_PRESET), _claim("default:preset", DEFAULT_PRESET))
    characters = [(_new(event, "character", event.character_id), _claim(f"slug:{event.slug}", event.character_id)) for event in pictured]
    return not all([(await log.append(*news)).repeated for news in (preset, *characters)])


def picture(slug: str) -> bytes:
    """The picture of a sample character: a PNG drawn for it."""
    return SAMPLES.with_name(f"sample_{slug}.png").read_bytes()


async def _picture(log: Log, slug: str) -> str:
    return await blobs.put(log.pool, log.vault, picture(slug), SYSTEM_SUBJECT)


def _claim(name: str, holder: UUID) -> NewEvent:
    return new(Claimed(name=name, holder=holder), ids.derived("claimed at first start", name))


def _new(event: CharacterCreated | PresetCreated, kind: str, key: UUID) -> NewEvent:
    return new(event, ids.derived(f"{kind} created", key))
