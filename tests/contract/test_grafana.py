"""The dashboard that comes along asks for nothing that is not told."""

import json
import re
from pathlib import Path
from typing import Any

from prometheus_client import generate_latest

from bot.console import metrics as console_metrics
from bot.console.pages.health import Backlog, HealthReport, Probe, Process
from engine import clock
from engine.watching import metrics
from engine.watching.metrics import Gauges
from projections.__main__ import tell
from projections.follow.runner import Progress
from projections.status import Behind, Status
from tests.support.sources import ROOT
from worker.telemetry import Metrics

DASHBOARD = ROOT / "docs" / "grafana" / "tzurot.json"
BOT = ROOT / "bot" / "discord"
_NAME = re.compile(r"\btzurot_[a-z_]+")


def _panels() -> list[dict[str, Any]]:
    panels: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return panels


def _told() -> set[str]:
    """Names of everything our processes serve, of a system in which there is something of each kind."""
    progress = Progress("turns", "live", 1, "turns", 5, "running", None)
    status = Status("18", 1, 9, 8, (progress,), (), 1, 1, 1, 1, behind=(Behind("relay", 1, 2.0),), jobs={"dead": 1}, aside={"turns": 1})
    process = Process("worker", 1, "here", clock.now(), 1, {})
    report = HealthReport("1", 1.0, 1, (Probe("NATS", True, ""),), status, (Backlog("worker", 1, 1),), {"turns": 1}, (process,))
    gauges = Gauges("projections")
    tell(gauges, status)
    texts = [console_metrics.text_of(report), generate_latest(metrics.registry(gauges)), generate_latest(Metrics.new().registry)]
    names = {name for text in texts for name in re.findall(r"^# TYPE (\w+) ", text.decode(), re.MULTILINE)}
    said = " ".join(path.read_text() for path in (BOT / "service.py", BOT / "reactions.py"))
    return names | {f"tzurot_bot_{name}" for name in re.findall(r'"([a-z_]+)": ', said)}


def test_every_metric_of_the_dashboard_is_told_by_one_of_our_processes() -> None:
    """A renamed metric would leave an empty panel that nobody misses before it is needed."""
    asked = {name for panel in _panels() for target in panel["targets"] for name in _NAME.findall(target["expr"])}
    told = _told()
    base = {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked}
    assert base - told == set()
    assert len(asked) > 20


def test_panels_have_places_of_their_own() -> None:
    """None lies over another, each has a title and a query."""
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in _panels()]
    assert len(set(places)) == len(places)
    assert all(panel["title"] and panel["targets"] for panel in _panels())
    assert Path(DASHBOARD).stat().st_size < 100_000
