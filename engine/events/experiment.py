"""What would have been answered, had something been different: never part of a conversation."""

from uuid import UUID

from pydantic import Field, JsonValue

from engine.events.base import Event, Sealed, Snowflake, user_subject
from engine.events.turn import Usage


class ExperimentRun(Event):
    """The exact prompt of a turn was given to another model, or with another preset's parameters. Nobody in the conversation sees it.

    `equal`: the prompt was byte for byte the turn's. `user_id` is whose message the turn answers.
    """

    experiment_id: UUID
    turn_id: UUID
    user_id: Snowflake
    by_user_id: Snowflake
    character_id: UUID
    model: str
    preset_id: UUID | None = None
    equal: bool
    usage: Usage = Usage()
    parameters: Sealed[dict[str, JsonValue]] = Field(default_factory=dict)
    text: Sealed[str]

    @property
    def stream_name(self) -> str:
        return f"experiment:{self.experiment_id}"

    @property
    def subjects(self) -> tuple[str, ...]:
        return (user_subject(self.user_id),)
