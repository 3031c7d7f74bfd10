"""Brings stored events of older schema versions to today's, one pure step at a time."""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from engine.events import class_of

Fields = dict[str, Any]
Step = Callable[[Fields], Fields]


def _generation_started_1(fields: Fields) -> Fields:
    """Version 2 records what was sent section by section; version 1 had only that of the history and of memories."""
    kept = {name: value for name, value in fields.items() if name not in {"history_ids", "memory_ids", "dropped"}}
    used, memories, dropped = fields.get("history_ids", ()), fields.get("memory_ids", ()), fields.get("dropped", ())
    thin = any(part["why"] == "thin" for part in dropped)
    sections: list[Fields] = [{"name": "platform"}, {"name": "character"}]
    sections.append({"name": "history", "refs": [str(position) for position in used], "dropped": dropped})
    sections += [{"name": "memories", "refs": [str(memory) for memory in memories]}] if memories else []
    sections.append({"name": "situation"})
    return kept | {"sections": sections, "begins": used[0] if used and not thin else None}


def _turn_completed_1(fields: Fields) -> Fields:
    """Version 2 seals the stop sequence, and says in the clear only that there was one."""
    return fields | {"stopped": bool(fields["stop_sequence"])} if "stop_sequence" in fields else fields


def unchanged(fields: Fields) -> Fields:
    """The step to a version that only adds fields with defaults, takes more values, or seals what was clear."""
    return fields


STEPS: MappingProxyType[tuple[str, int], Step] = MappingProxyType(
    {
        ("message.edited", 1): unchanged,  # v2: the copy a program made of it, and the name it has there
        ("turn.requested", 1): unchanged,  # v2: whether it may end in silence; a character may speak first
        ("channel.edited", 1): unchanged,  # v2: silence, and speaking first
        ("server.edited", 1): unchanged,  # v2: answers a minute by role, a channel for news
        ("server.edited", 2): unchanged,  # v3: who is exempt
        ("turn.generation_started", 1): _generation_started_1,
        ("turn.generation_started", 2): unchanged,  # v3: the forms its messages were brought into
        ("turn.generation_started", 3): unchanged,  # v4: the tier that chose its preset
        ("turn.generation_started", 4): unchanged,  # v5: what its macros leave behind
        ("turn.cancelled", 1): unchanged,  # v2: stopped by somebody
        ("turn.completed", 1): _turn_completed_1,
        ("turn.completed", 2): unchanged,  # v3: what came with an answer and was left out
        ("turn.completed", 3): unchanged,  # v4: what was changed in the model's words
        ("turn.completed", 4): unchanged,  # v5: whether its thoughts are to be shown
        ("character.created", 1): unchanged,  # v2: two more kinds of visibility, co-owners, a stored picture
        ("character.edited", 1): unchanged,
        ("character.created", 2): unchanged,  # v3: how talkative it is, and whether it is for adults only
        ("character.edited", 2): unchanged,
        ("character.created", 3): unchanged,  # v4: a scenario, and the card it came from
        ("character.edited", 3): unchanged,
        ("character.created", 4): unchanged,  # v5: last words behind the message to answer
        ("character.edited", 4): unchanged,
        ("character.created", 5): unchanged,  # v6: whether its replies grow while they are written
        ("character.edited", 5): unchanged,
        ("character.created", 6): unchanged,  # v7: the tools it may use
        ("character.edited", 6): unchanged,
        ("character.created", 7): unchanged,  # v8: whether and how it speaks
        ("character.edited", 7): unchanged,
        ("preset.created", 1): unchanged,  # v2: parameters are sealed; settings of recall
        ("preset.edited", 1): unchanged,
        ("preset.created", 2): unchanged,  # v3: which providers may answer
        ("preset.edited", 2): unchanged,
        ("reply.regenerated", 1): unchanged,  # v2: a wish for this version
        ("reply.version_chosen", 1): unchanged,  # v2: what was shown before
        ("memory.dreamed", 1): unchanged,  # v2: in whose favour a memory is hidden
        ("memory.noted", 1): unchanged,  # v2: how two stand to each other is an origin, too
        ("memory.noted", 2): unchanged,  # v3: what can have one value at a time
        ("notebook.written", 1): unchanged,  # v2: by a person's command, too
        ("model.catalogue_fetched", 1): unchanged,  # v2: whether a model knows tools
        ("memory.noted", 3): unchanged,  # v4: until when it holds
        ("reply.intended", 1): unchanged,  # v2: digests by the person's key
    }
)
"""(event type, version it turns from) -> the function that turns its fields into those of the next version.

It gets all fields, or only the clear ones (the key was destroyed; a read model), or only the sealed ones (a read model's copy), and
must do with what is there.
"""


def upcast(type_: str, version: int, fields: Fields) -> Fields:
    """The fields as the current version of the type has them."""
    for step in range(version, class_of(type_, version).VERSION):
        fields = STEPS[type_, step](fields)
    return fields
