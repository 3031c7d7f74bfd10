"""Work that happens later or takes long: asked for once, taken up by some worker, brought to one end."""

from typing import Annotated
from uuid import UUID

from pydantic import Field, JsonValue, StringConstraints

from engine.events.base import SYSTEM_SUBJECT, Count, Event, Sealed, Snowflake, user_subject

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{1,39}$")]
"""Which handler does it: `catalogue`."""


class JobEvent(Event):
    """Base of the events of a job; all stand in its stream. `people` are those whose words `personal` holds: all their keys seal it."""

    job_id: UUID

    @property
    def stream_name(self) -> str:
        return f"job:{self.job_id}"

    @property
    def subjects(self) -> tuple[str, ...]:
        people: tuple[int, ...] = getattr(self, "people", ())
        return (tuple(user_subject(person) for person in people) or (SYSTEM_SUBJECT,)) if self.SEALED else ()


class JobRequested(JobEvent):
    """Somebody asked for a job, or for another round of one that ended.

    `about` is what it is about, in ids and numbers, of which its id is derived. `parameters` hold ids and numbers as well; whatever
    people wrote is in `personal`. `asked_by` is 0 where nobody asked: then it was due.
    """

    name: Name
    about: str = Field("", max_length=200)
    round: Count = 0
    asked_by: Snowflake = 0
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    people: tuple[Snowflake, ...] = ()
    personal: Sealed[dict[str, JsonValue]] = Field(default_factory=dict)


class JobStarted(JobEvent):
    """A worker took it up. `attempt` counts from 1 through all rounds; an attempt without an end died with its worker."""

    name: Name
    attempt: Count


class JobProgressed(JobEvent):
    """So much of `total` (None: unknown) is done. `cursor` is what the next attempt needs to go on from here: ids and numbers."""

    attempt: Count
    done: Count
    total: Count | None = None
    cursor: dict[str, JsonValue] = Field(default_factory=dict)


class JobCompleted(JobEvent):
    """It is done. `result` holds ids and numbers."""

    name: Name
    attempt: Count
    result: dict[str, JsonValue] = Field(default_factory=dict)
    people: tuple[Snowflake, ...] = ()
    personal: Sealed[dict[str, JsonValue]] = Field(default_factory=dict)


class JobFailed(JobEvent):
    """An attempt failed. It is tried again at `retry_ms` (Unix); None: given up. `why` is a sentence of ours, or an error's name."""

    name: Name
    attempt: Count
    why: str = Field(max_length=300)
    retry_ms: Count | None = None
    counts: bool = True


class JobCancelled(JobEvent):
    """Somebody called it off; what it has stored so far stays."""

    name: Name
    by_user_id: Snowflake = 0
