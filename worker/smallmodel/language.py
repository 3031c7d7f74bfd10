"""Tokens in, tokens out: the model's tokenizer, its session with what it has read already, and how the next token is drawn."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

from worker.smallmodel.architecture import Architecture
from worker.smallmodel.gguf import Gguf, NotGGUF

BEGIN: Final = "<|im_start|>"
END: Final = "<|im_end|>"
TABLE: Final = "token_embd.weight"
RECENT: Final = 96
"""Tokens of its own answer that are made less likely to come again."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is drawn. `repetition` divides the chance of what was said already; 1 leaves it."""

    temperature: float = 0.4
    top_p: float = 0.9
    top_k: int = 40
    repetition: float = 1.15
    seed: int | None = None


def tokenizer_of(meta: dict[str, Any]) -> Tokenizer:
    """The tokenizer that the file describes: byte pairs, each digit by itself."""
    tokens: list[str] = meta["tokenizer.ggml.tokens"]
    merges = [tuple(pair.split(" ", 1)) for pair in meta["tokenizer.ggml.merges"]]
    found = Tokenizer(models.BPE({token: number for number, token in enumerate(tokens)}, merges))
    found.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(r"\p{N}"), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]
    )
    found.decoder = decoders.ByteLevel()
    found.add_special_tokens([token for token, kind in zip(tokens, meta["tokenizer.ggml.token_type"], strict=True) if kind == 3])
    return found


class Language:
    """A loaded model. One conversation at a time; what two prompts begin with alike is read once."""

    def __init__(self, file: Gguf, graph: Path, shape: Architecture, threads: int) -> None:
        self.shape = shape
        self._file = file
        self._tokenizer = tokenizer_of(file.meta)
        self._ends = {self._marker(END), self._marker("<|endoftext|>")}
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
        self._buffers = np.zeros((2 * shape.layers, 1, shape.groups, shape.window, shape.head), np.float32)  # the values below look into it
        names = [f"{part}.{layer}" for layer in range(shape.layers) for part in "kv"]
        self._held = {name: onnxruntime.OrtValue.ortvalue_from_numpy(own) for name, own in zip(names, self._buffers, strict=True)}
        self._read: list[int] = []

    def ids(self, text: str) -> list[int]:
        """Token ids of what a person or the platform wrote: markers in it are words like others."""
        plain = re.sub(r"<\|(\w+)\|>", r"<\1>", text)
        found: list[int] = self._tokenizer.encode(plain, add_special_tokens=False).ids
        return found

    def prompt(self, messages: Sequence[tuple[str, str]]) -> list[int]:
        """Token ids of a conversation, (role, text) each, up to where the model is to speak."""
        mark, end, line = self._marker(BEGIN), self._marker(END), self.ids("\n")
        found: list[int] = []
        for role, text in messages:
            found += [mark, *self.ids(f"{role}\n{text}"), end, *line]
        return [*found, mark, *self.ids("assistant\n")]

    def _marker(self, name: str) -> int:
        found = self._tokenizer.token_to_id(name)
        if found is None:
            raise NotGGUF(f"the file has no {name}")
        return int(found)

    def answer(self, prompt: Sequence[int], most: int, sampling: Sampling, wanted: Callable[[], bool]) -> Iterator[int]:
        """The tokens of an answer as they come: until the model ends, `most` are there, the window is full or it is no longer wanted."""
        random = np.random.default_rng(sampling.seed)
        said: list[int] = []
        logits = self._take(prompt)
        while len(said) < most and len(self._read) < self.shape.window and wanted():
            token = draw(logits, said[-RECENT:], sampling, random)
            if token in self._ends:
                return
            said.append(token)
            yield token
            logits = self._run([token])

    def text(self, tokens: Sequence[int]) -> str:
        found: str = self._tokenizer.decode(list(tokens), skip_special_tokens=True)
        return found

    def _take(self, prompt: Sequence[int]) -> NDArray[np.float32]:
        alike = 0
        for one, other in zip(self._read, prompt[:-1], strict=False):
            if one != other:
                break
            alike += 1
        self._read = self._read[:alike]
        return self._run(prompt[alike:])

    def _run(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        total = len(self._read) + len(tokens)
        binding = self._session.io_binding()
        rows = self._file.rows(TABLE, np.array(tokens, np.int64))[None]
        binding.bind_cpu_input("x", np.ascontiguousarray(rows, np.float32))
        binding.bind_cpu_input("last", np.array([total - 1], np.int32))
        binding.bind_cpu_input("total", np.array(total, np.int32))
        for name, value in self._held.items():
            binding.bind_ortvalue_input(f"past.{name}", value)
            binding.bind_ortvalue_output(f"present.{name}", value)
        binding.bind_output("logits")
        self._session.run_with_iobinding(binding)
        self._read += tokens
        logits: NDArray[np.float32] = binding.get_outputs()[-1].numpy().reshape(-1)
        return logits


def draw(logits: NDArray[np.float32], said: Sequence[int], how: Sampling, random: np.random.Generator) -> int:
    """The next token. Temperature 0 takes the likeliest."""
    logits = logits.astype(np.float64)
    if said:
        again = np.unique(np.array(said, np.int64))
        logits[again] = np.where(logits[again] > 0, logits[again] / how.repetition, logits[again] * how.repetition)
    if how.temperature <= 0:
        return int(np.argmax(logits))
    best = np.argpartition(-logits, how.top_k)[: how.top_k]
    best = best[np.argsort(-logits[best])]
    chances = np.exp((logits[best] - logits[best[0]]) / how.temperature)
    chances /= chances.sum()
    kept = int(np.searchsorted(np.cumsum(chances), how.top_p)) + 1
    return int(random.choice(best[:kept], p=chances[:kept] / chances[:kept].sum()))
