"""`tzurot bench recall`: the code lives beside the quality benchmark."""

from tests.bench.memory.command import recall

__all__ = ["recall"]
