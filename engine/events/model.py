"""What models there are and what they can do."""

from pydantic import Field

from engine.events.base import Count, Event, Part, Snowflake


class Offered(Part):
    """A model in a provider's catalogue. Prices in US dollars per token; None where the catalogue does not say."""

    id: str = Field(min_length=1, max_length=200)
    name: str = ""
    context_tokens: int | None = None
    max_output: int | None = None
    price_in: float | None = None
    price_out: float | None = None
    reasoning: bool | None = None
    vision: bool | None = None
    tools: bool | None = None


class CatalogueFetched(Event):
    """A provider's whole catalogue as it was. Appended when it changed, and once a day when it did not."""

    provider: str
    sha256: str
    models: tuple[Offered, ...]

    @property
    def stream_name(self) -> str:
        return f"catalogue:{self.provider}"


class ModelOverridden(Event):
    """What an operator says about a model, above every other source. None leaves a field to the other sources."""

    model: str = Field(min_length=1, max_length=200)
    context_tokens: int | None = Field(None, ge=256)
    max_output: int | None = Field(None, ge=1)
    reasoning: bool | None = None
    vision: bool | None = None
    price_in: float | None = Field(None, ge=0)
    price_out: float | None = Field(None, ge=0)
    forbidden: tuple[str, ...] | None = None
    set_by: int

    @property
    def stream_name(self) -> str:
        return f"model:{self.model}"


class ModelOverrideCleared(Event):
    """The model is treated as the other sources say again."""

    model: str
    cleared_by: int

    @property
    def stream_name(self) -> str:
        return f"model:{self.model}"


class ModelQuirksNoted(Event):
    """What a model does not take, beside what other sources say: learned from its refusal of a request, or set by an operator.

    `forbidden` parameters are left out, `renamed` ones go by another name, `messages` names the forms its conversations are brought
    into (projections.prompt.form). What was learned is added to what is known and forgotten at `until_ms`, Unix milliseconds.
    """

    model: str = Field(min_length=1, max_length=200)
    forbidden: tuple[str, ...] = ()
    renamed: dict[str, str] = Field(default_factory=dict)
    messages: tuple[str, ...] = ()
    learned: bool = False
    until_ms: Count | None = None
    set_by: Snowflake | None = None

    @property
    def stream_name(self) -> str:
        return f"model-quirks:{self.model}"


class ModelQuirksForgotten(Event):
    """Nothing odd is known of the model any more but what other sources say."""

    model: str = Field(min_length=1, max_length=200)
    forgotten_by: Snowflake

    @property
    def stream_name(self) -> str:
        return f"model-quirks:{self.model}"
