"""The architecture of the model, and how much of a conversation it is given."""

from pydantic import BaseModel, ConfigDict


class Architecture(BaseModel):
    """The defaults are those of SmolLM2-135M; `window` is an eighth of what it was trained on: a CPU reads that in a second or two."""

    model_config = ConfigDict(frozen=True)
    width: int = 576
    heads: int = 9
    groups: int = 3
    layers: int = 30
    inner: int = 1536
    words: int = 49_152
    base: float = 100_000.0
    epsilon: float = 1e-5
    window: int = 1024

    @property
    def head(self) -> int:
        """Width of one head."""
        return self.width // self.heads
