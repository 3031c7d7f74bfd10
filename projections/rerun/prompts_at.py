"""The prompt that held in a conversation at any position of the log: that of the last call begun by then, made again byte for byte."""

from dataclasses import dataclass
from uuid import UUID

from engine.events import Tags
from engine.events.turn import GenerationStarted
from engine.store import Log, Query
from projections import tail
from projections.prompt import assemble
from projections.prompt.rebuild import Rebuilt, rebuild
from projections.rerun.difference import Difference, of_sections
from projections.rerun.forks import STARTED


@dataclass(frozen=True, slots=True)
class PromptAt:
    """A recorded call and its prompt. `differs` is where it first differs from the conversation's prompt before; None for the first one.

    `prompt` is None where it cannot be made again, and `why` says why.
    """

    position: int
    started: GenerationStarted
    channel: int | None
    prompt: Rebuilt | None
    differs: Difference | None = None
    why: str = ""


async def at(log: Log, position: int, channel: int | None = None, character: UUID | None = None) -> PromptAt | None:
    """The last prompt at or before a position, of a channel and a character where they are given; None when there was none yet."""
    found = await _last(log, position, channel, character)
    if found is None:
        return None
    where, started, channel_then = found
    try:
        prompt = await rebuild(log, started)
    except LookupError as error:
        return PromptAt(where, started, channel_then, None, why=str(error))
    return PromptAt(where, started, channel_then, prompt, await _since_the_one_before(log, where, started, channel_then, prompt))


async def _last(log: Log, position: int, channel: int | None, character: UUID | None) -> tuple[int, GenerationStarted, int | None] | None:
    tags = Tags(channel=channel, character=character)
    newest = await tail.newest(log, Query(types=STARTED, tags=tags, until=position), 1)
    for recorded in await log.at([row.position for row in newest]):
        if isinstance(recorded.event, GenerationStarted):
            return recorded.position, recorded.event, recorded.row.channel
    return None


async def _since_the_one_before(
    log: Log, position: int, started: GenerationStarted, channel: int | None, prompt: Rebuilt
) -> Difference | None:
    """Where it differs from the prompt before of the same character in the same channel."""
    before = await _last(log, position - 1, channel, started.character_id)
    if before is None or channel is None:
        return None
    try:
        was = await rebuild(log, before[1])
    except LookupError:
        return None
    return of_sections(assemble.texts(was.ingredients), assemble.texts(prompt.ingredients))
