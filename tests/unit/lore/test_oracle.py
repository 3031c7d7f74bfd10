"""The lore engine makes of every recorded case what SillyTavern's own engine made of it (I3)."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.lore import differences

ODDITY = "group_double_removal"
"""A fault of the recorded engine: an entry that loses its group twice takes a bystander along. Ours does not."""
_BESIDE = Path(__file__).resolve().parents[4] / "shared" / "data" / "lore-cases.jsonl"
CASES = Path(os.environ.get("TZUROT_LORE_CASES", _BESIDE))


def _recorded() -> list[Mapping[str, Any]]:
    if not CASES.exists():
        pytest.skip(f"no recorded cases at {CASES}; name them by TZUROT_LORE_CASES")
    return [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()]


def test_every_recorded_case_agrees() -> None:
    """Activations, their order, placed text, budget, rounds, timed effects and the number of rolls drawn are the recorded ones."""
    cases = _recorded()
    wrong = {case["id"]: found for case in cases if ODDITY not in case["rules"] and (found := differences(case))}
    assert not wrong
    assert len(cases) >= 801
