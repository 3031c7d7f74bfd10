"""Failpoints: parsed strictly, and silent unless a chaos run asks for them."""

import os
import subprocess
import sys

import pytest

from engine import failpoints
from engine.failpoints import Failpoint


def test_a_list_of_failpoints_is_parsed() -> None:
    """name:action[:count], separated by commas."""
    assert failpoints.parse("a.b:kill, c:sleep=2:3,") == [Failpoint("a.b", "kill", None), Failpoint("c", "sleep=2", 3)]


@pytest.mark.parametrize("text", ["a.b", "a.b:", "a:kill:soon"])
def test_a_mistake_is_refused(text: str) -> None:
    """A chaos run that injects nothing would prove nothing."""
    with pytest.raises(ValueError, match=r"written|invalid"):
        failpoints.parse(text)


def _run(**environment: str) -> int:
    code = "from engine.failpoints import failpoint\nfor _ in range(3): failpoint('x.y')\n"
    return subprocess.run([sys.executable, "-c", code], env=os.environ | environment, check=False).returncode


def test_without_the_unsafe_switch_nothing_happens() -> None:
    """A variable left behind in production kills nobody."""
    assert _run(CHAOS_FAIL="x.y:kill", UNSAFE_FAILPOINTS="") == 0


def test_with_the_switch_the_process_dies_at_the_place() -> None:
    """By SIGKILL, which nothing can catch."""
    assert _run(CHAOS_FAIL="x.y:kill", UNSAFE_FAILPOINTS="true") == -9


def test_a_count_names_the_passage() -> None:
    """The fourth passage never comes, so nothing happens; the third one does."""
    assert _run(CHAOS_FAIL="x.y:kill:4", UNSAFE_FAILPOINTS="true") == 0
    assert _run(CHAOS_FAIL="x.y:kill:3", UNSAFE_FAILPOINTS="true") == -9
