"""Named model configurations."""

from typing import Literal, Self
from uuid import UUID

from pydantic import Field, JsonValue, model_validator

from engine.events.base import Count, Event, Part, Sealed, Snowflake

Effort = Literal["max", "xhigh", "high", "medium", "low", "minimal", "none"]


class Reasoning(Part):
    """Effort or a number of tokens, never both."""

    effort: Effort | None = None
    max_tokens: int | None = Field(None, ge=1024, le=32_000)
    exclude: bool | None = None
    enabled: bool | None = None

    @model_validator(mode="after")
    def _exclusive(self) -> Self:
        if self.effort is not None and self.max_tokens is not None:
            raise ValueError("set either the reasoning effort or its max_tokens, not both")
        return self


class Parameters(Part):
    """What goes to the provider; None is left out of the request."""

    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, ge=0, le=1)
    min_p: float | None = Field(None, ge=0, le=1)
    top_a: float | None = Field(None, ge=0, le=1)
    top_k: Count | None = None
    frequency_penalty: float | None = Field(None, ge=-2, le=2)
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    repetition_penalty: float | None = Field(None, ge=0, le=2)
    seed: int | None = Field(None, ge=-(2**63), lt=2**63)
    max_tokens: int | None = Field(None, gt=0, lt=2**63)
    stop: tuple[str, ...] = ()
    logit_bias: dict[str, float] = Field(default_factory=dict)
    response_format: Literal["text", "json_object"] | None = None
    reasoning: Reasoning = Reasoning()
    transforms: tuple[str, ...] = ()
    route: Literal["fallback"] | None = None
    verbosity: Literal["low", "medium", "high"] | None = None
    extra: dict[str, JsonValue] = Field(default_factory=dict)


class Window(Part):
    """How much of what was said goes into a prompt."""

    context_tokens: int = Field(131_072, ge=1000, lt=2**63)
    max_messages: int = Field(50, ge=1, le=100)
    max_age_s: int | None = Field(None, ge=1, le=2_592_000)
    max_images: int = Field(10, ge=0, le=20)


class PresetCreated(Event):
    preset_id: UUID
    owner_id: Snowflake | None
    model: str = Field(min_length=1, max_length=200)
    fallback_models: tuple[str, ...] = Field((), max_length=2)
    is_global: bool = False
    is_default: bool = False
    is_free_default: bool = False
    parameters: Parameters = Parameters()
    window: Window = Window()
    show_thinking: bool = False
    stream: bool = True
    name: Sealed[str] = Field(min_length=1, max_length=100)
    description: Sealed[str] = Field("", max_length=500)


class PresetEdited(PresetCreated):
    """The whole preset as it is from now on."""

    edited_by: Snowflake


class PresetDeleted(Event):
    preset_id: UUID
    owner_id: Snowflake | None
    deleted_by: Snowflake


class PresetRestored(Event):
    """The deletion is taken back: the preset is as it was before."""

    preset_id: UUID
    owner_id: Snowflake | None
    restored_by: Snowflake
