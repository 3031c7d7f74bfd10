"""Optional packages of our libraries that we make no use of, and that would take a third of a process's start to import."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without(*packages: str) -> Iterator[None]:
    """Let what is imported within find these not installed, as its authors foresaw. One that is loaded already stays."""
    held = [name for name in packages if name not in sys.modules]
    sys.modules.update(dict.fromkeys(held))  # type: ignore[arg-type]  # None says "cannot be imported"
    try:
        yield
    finally:
        for name in held:
            sys.modules.pop(name, None)
