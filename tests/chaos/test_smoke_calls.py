"""The rows about calls to providers with few trials. The full numbers: `tzurot chaos SPEND`, `tzurot chaos R22` and so on."""

import json

import pytest

from engine.config import Settings
from engine.decide.spending import spend as rule
from tests.chaos import remembering
from tests.chaos.calls import faults, outside, spending, storm
from tests.chaos.run import Run
from worker.turn import answer


def held(run: Run) -> None:
    assert run.passed, json.dumps(run.result(), indent=1, default=str)


async def test_no_configuration_lets_a_guest_reach_a_model_that_may_cost(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """40 whole turns in two markets, each with a preset, fallbacks, prices, a person and a provider's mood drawn at random."""
    monkeypatch.setattr(spending, "AT_ONCE", 20)
    run = Run("SPEND", 40, quiet=True, timely=False)
    await spending.spend(run, settings)
    held(run)


async def test_a_rule_that_takes_everything_for_free_would_be_caught(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the row looks for can be found."""
    monkeypatch.setattr(rule, "is_free", lambda *_: True)
    run = Run("SPEND", 15, quiet=True, timely=False)
    await spending.spend(run, settings)
    assert any("reached" in found for found in run.broken)


async def test_a_storm_of_429_costs_few_calls_and_every_one_is_counted(settings: Settings) -> None:
    """25 people in two channels each, two workers, a third that starts afterwards; with and without a fallback the row has more kinds."""
    run = Run("R22", 1, events=25, quiet=True, timely=False)
    await storm.r22(run, settings)
    held(run)


async def test_a_provider_that_fails_leads_to_two_retries_and_a_sentence(settings: Settings) -> None:
    """Each kind of failure once."""
    run = Run("R23", len(faults.R23), quiet=True, timely=False)
    await faults.r23(run, settings)
    held(run)


async def test_what_never_ends_is_cut_off_at_the_limit(settings: Settings) -> None:
    """With a limit of three seconds."""
    run = Run("R24", 10, events=3, quiet=True, timely=False)
    await faults.r24(run, settings)
    held(run)


async def test_a_hostile_body_fails_its_turn_and_costs_no_memory(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every body once, without the pauses between retries."""
    monkeypatch.setattr(answer, "FIRST_PAUSE", 0.0)
    run = Run("R25", 31, quiet=True, timely=False)
    await faults.r25(run, settings)
    held(run)


async def test_what_a_table_refuses_stops_nobody(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A NUL in each place that is stored in the clear."""
    monkeypatch.setattr(answer, "FIRST_PAUSE", 0.0)
    run = Run("R43", 8, quiet=True, timely=False)
    await outside.r43(run, settings)
    held(run)


@pytest.mark.parametrize(("row", "trials"), [("R34", 14), ("R35", 10)])
async def test_nobody_learns_or_claims_what_is_another_persons(settings: Settings, row: str, trials: int) -> None:
    """Each way in which words come in, once in each place; each way to claim something about somebody else."""
    run = Run(row, trials, quiet=True, timely=False)
    await (remembering.r34 if row == "R34" else remembering.r35)(run, settings)
    held(run)
