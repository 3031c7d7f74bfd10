"""Every subject, stream and durable name. Nobody else spells one."""

from dataclasses import dataclass
from uuid import UUID

STREAM = "TZ_LOG"
_LOG = "tz.log"
_EARLY = "tz.early"
_DRAFT = "tz.draft"
READ_MODELS = "tz.read_models"
"""Core subject (not kept) that says: read models have reached a position of the log, which is the message."""
EVERYTHING = f"{_LOG}.>"
"""What the stream keeps."""


def of_event(type_: str, venue: str | None) -> str:
    """Subject of the references to events of a type: `tz.log.turn.requested.discord`; `_` stands for no venue."""
    return f"{_LOG}.{type_}.{venue or '_'}"


def of_type(type_: str) -> str:
    """Filter for references to a type in any venue."""
    return f"{_LOG}.{type_}.*"


def early(subject: str) -> str:
    """Core subject (not kept) beside one of the stream's, or beside a filter for them: whoever appended the event says so at once."""
    return _EARLY + subject.removeprefix(_LOG)


def of_draft(venue: str, channel: int, turn: UUID) -> str:
    """Core subject (not kept) that says: the draft of this turn has grown."""
    return f"{_DRAFT}.{venue}.{channel}.{turn}"


def drafts_of(venue: str) -> str:
    """Filter for every draft hint of a venue."""
    return f"{_DRAFT}.{venue}.*.*"


@dataclass(frozen=True, slots=True)
class Durable:
    """A durable consumer: which events it is woken for, in which venue (None: any), and how many may be unacknowledged at once."""

    name: str
    types: tuple[str, ...]
    venue: str | None = None
    max_pending: int = 256

    @property
    def filters(self) -> list[str]:
        return [of_event(type_, self.venue) if self.venue else of_type(type_) for type_ in self.types]


WORKER = Durable("worker", ("turn.requested",))
JOBS = Durable("jobs", ("job.requested",))
_SHOWN = ("turn.completed", "turn.failed", "turn.cancelled", "reply.edited", "reply.version_chosen", "reply.deleted", "reply.file_made")
"""What changes what people see of a reply."""
DISCORD = Durable("discord", _SHOWN, "discord")
PLAYGROUND = Durable("playground", _SHOWN, "playground")
WAKING = frozenset({*WORKER.types, *JOBS.types, *_SHOWN})
"""Types of events that somebody is woken for."""
DURABLES = {durable.name: durable for durable in (WORKER, JOBS, DISCORD, PLAYGROUND)}
"""All that exist: the relay declares them, so that a wiped broker misses nothing while a consumer is away."""
