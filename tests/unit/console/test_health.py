"""Health tells who stands still, whatever its heartbeat says."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from bot.console.metrics import text_of
from bot.console.pages.health import LATE_SECONDS, HealthReport, late, roles, waits
from projections.follow.runner import Progress
from projections.live.heartbeats import Heartbeat
from projections.status import RELAY, Behind, Status

ALIVE = tuple(
    Heartbeat(name, UUID(int=n), n, "here", "1", datetime(2026, 1, 1, tzinfo=UTC), 1.0, {})
    for n, name in enumerate(("projections", "worker", "bot"))
)
FINE = Status("18", 1, 100, 100, (), ALIVE, 0, 0, 0, 0)


def test_whoever_is_only_a_little_behind_is_well() -> None:
    """An event that is being taken up right now is no problem."""
    found = replace(FINE, behind=(Behind("history", 5_000, LATE_SECONDS - 0.1), Behind(RELAY, 1, 0.0)))
    assert all(probe.ok for probe in roles(found, discord=True))


@pytest.mark.parametrize(
    ("behind", "name", "sentence"),
    [
        ((Behind("history", 7, 34.4),), "Read models", "Behind by 7 events for 34 s: history."),
        ((Behind("history", 1, 34.4), Behind("turns", 1200, 61.0)), "Read models", "Behind by 1,200 events for 61 s: history, turns."),
        ((Behind(RELAY, 1, 20.0),), "Relay", "Behind by 1 event for 20 s."),
    ],
)
def test_a_process_that_beats_but_does_nothing_is_found(behind: tuple[Behind, ...], name: str, sentence: str) -> None:
    """By the age of what it has not done."""
    probes = {probe.name: probe for probe in roles(replace(FINE, behind=behind), discord=True)}
    assert not probes[name].ok
    assert probes[name].sentence == sentence
    assert probes["Projections"].ok


def test_what_is_stopped_for_a_reason_is_told_once() -> None:
    """A read model that waits for an operator is behind, of course."""
    poisoned = Progress("history", "live", 1, "history", 5, "stopped", {"position": 6})
    found = replace(FINE, progress=(poisoned,), behind=(Behind("history", 95, 99.0),))
    [probe] = [probe for probe in roles(found, discord=True) if not probe.ok]
    assert "cannot digest: history" in probe.sentence
    assert late(found, frozenset({"history"})) == []


@pytest.mark.parametrize(("found", "said"), [(0, None), (2, "2 given up. See the page Jobs.")])
def test_health_says_how_many_jobs_were_given_up(found: int, said: str | None) -> None:
    """Somebody has to look at them."""
    probes = waits(replace(FINE, jobs={"dead": found} if found else {}))
    assert [probe.sentence for probe in probes] == ([said] if said else [])


def test_health_is_not_well_while_turns_wait() -> None:
    """And tells how many, and for how long."""
    [probe] = waits(replace(FINE, pending_turns=45, running_turns=2, wait_s=190.0))
    assert (probe.ok, probe.sentence) == (False, "43 turns wait, the oldest for 3 min 10 s.")
    assert waits(replace(FINE, pending_turns=3, running_turns=2, wait_s=2.0)) == []


def test_discord_that_is_off_is_no_part_that_answers() -> None:
    """Neither well nor ill: metrics leave it out, and the page says that it is off."""
    probes = roles(FINE, discord=False)
    [discord] = [probe for probe in probes if probe.name == "Discord"]
    assert (discord.ok, discord.off) == (True, True)
    told = text_of(HealthReport("1", 1.0, 1, tuple(probes))).decode()
    assert 'tzurot_up{part="worker"} 1.0' in told
    assert 'part="discord"' not in told


def test_a_bot_that_beats_but_is_not_connected_is_silent() -> None:
    """The process lives, Discord does not hear it."""
    beats = tuple(replace(beat, details={"discord": "not connected"}) if beat.process == "bot" else beat for beat in ALIVE)
    [discord] = [probe for probe in roles(replace(FINE, processes=beats), discord=True) if probe.name == "Discord"]
    assert (discord.ok, discord.off) == (False, False)
