"""Official documents that judge us and are no part of the project: found by TZUROT_SPECS, else in `../shared/specs` beside the repository.

A folder that was named must hold them: a document missing there fails the test. Where none was named, the tests that need one are
skipped, and the closing lines of the run say so.
"""

import os
from pathlib import Path

import pytest

VARIABLE = "TZUROT_SPECS"
BESIDE = Path(__file__).resolve().parents[3] / "shared" / "specs"
ABSENT = "NO DOCUMENT:"


def find(name: str) -> Path | None:
    """Where the document lies on this machine, or None."""
    path = Path(os.environ.get(VARIABLE) or BESIDE) / name
    return path if path.is_file() else None


def need(name: str) -> Path:
    """The document's path. Skips the test with the reason where it is absent; fails it where TZUROT_SPECS says it is there."""
    if (path := find(name)) is not None:
        return path
    if named := os.environ.get(VARIABLE):
        pytest.fail(f"{name} is not in {named}, which {VARIABLE} names.", pytrace=False)
    pytest.skip(f"{ABSENT} {name} is not here, so nothing was held against it. Name its folder with {VARIABLE}, or put it into {BESIDE}.")
