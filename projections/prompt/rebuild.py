"""The prompt of a past turn, built again from the log: equal byte for byte, or it is said that it is not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from engine import ids
from engine.events.turn import GenerationStarted, TurnRequested
from engine.store import Log
from projections.prompt import assemble, first_version, sections
from projections.prompt.assemble import Ingredients, Prompt
from projections.prompt.changes import AS_IT_WAS, PromptChanges
from projections.prompt.section import Chosen, Scene, Section


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A prompt as it was sent. `equal`: its hash is the one noted when it was. `version` is that of the rules it was built by now.

    `ingredients` are what it was put together from.
    """

    prompt: Prompt
    equal: bool
    erased: bool
    ingredients: Ingredients
    version: int = assemble.VERSION


async def rebuild(
    log: Log, started: GenerationStarted, order: Sequence[Section] = sections.ORDER, *, changes: PromptChanges = AS_IT_WAS
) -> Rebuilt:
    """The exact prompt of a call, or with `changes` what it would have been. Texts whose person was erased are blank; it is not equal then.

    LookupError: its turn, an event it was made of, or a section of it is not there.
    """
    request = await _request(log, started.turn_id)
    used = _used(started, order)
    chosen = {record.name: Chosen(record.refs, record.rolls, record.dropped) for record in started.sections}
    if started.prompt_version < 2:
        chosen = await first_version.completed(log, started, request.channel_id, chosen)
    chosen = changes.chosen(chosen)
    data = changes.data(await sections.load(log, chosen, started.as_of, used))
    if started.prompt_version < 2:
        data = first_version.addressed(data)
    scene = scene_of(started.turn_id, request)
    versions = {record.name: record.version for record in started.sections}
    made_of = Ingredients(scene, data, chosen, order=used, exact=True, versions=versions, forms=started.message_forms)
    prompt = assemble.assemble(made_of, budget=10**9)
    return Rebuilt(prompt, prompt.sha256 == started.prompt_sha256, _erased(data), made_of)


def scene_of(turn: UUID, request: TurnRequested) -> Scene:
    """Whose prompt a turn's is, when and where."""
    now = ids.snowflake_time(request.message_id)
    return Scene(request.character_id, request.venue, now, channel=request.channel_id, seed=str(turn))


def _used(started: GenerationStarted, order: Sequence[Section]) -> list[Section]:
    """The sections a prompt had, in the order it had them."""
    known = {section.NAME: section for section in order}
    for record in started.sections:
        if record.name not in known or record.version > known[record.name].VERSION:
            raise LookupError(f"this program does not know version {record.version} of the section {record.name}")
    return [known[record.name] for record in started.sections]


def _erased(data: Mapping[str, object]) -> bool:
    return any(getattr(found, "erased", False) for found in data.values())


async def _request(log: Log, turn: UUID) -> TurnRequested:
    for recorded in await log.stream(f"turn:{turn}"):
        if isinstance(recorded.event, TurnRequested):
            return recorded.event
    raise LookupError(f"turn {turn} is not in the log")
