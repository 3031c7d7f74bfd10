"""Numbers of a process as Prometheus reads them."""

import socket
from urllib.request import urlopen

import pytest
from prometheus_client import generate_latest

from engine.errors import SettingsError
from engine.watching import metrics
from engine.watching.metrics import Gauges


def test_the_latest_numbers_are_served_and_a_taken_port_is_named() -> None:
    """On loopback, from a thread; nothing where no port is set."""
    gauges = Gauges("bot")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    metrics.serve(port, gauges, "BOT_METRICS_PORT")
    gauges.set({"stored": 1.0, "connected": 1.0})
    gauges.set({"stored": 2.0})
    gauges.set_by("lag_events", "projection", {"turns": 3.0, "history": 0.0})
    with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text = answer.read().decode()
    assert "tzurot_bot_stored 2.0" in text
    assert "tzurot_bot_connected 1.0" in text
    assert 'tzurot_bot_lag_events{projection="turns"} 3.0' in text
    with pytest.raises(SettingsError, match="BOT_METRICS_PORT"):
        metrics.serve(port, gauges, "BOT_METRICS_PORT")
    metrics.serve(None, gauges, "BOT_METRICS_PORT")


def test_what_is_gone_is_told_no_more() -> None:
    """A read model that is behind no more has no age."""
    gauges = Gauges("projections")
    gauges.set_by("behind_seconds", "reader", {"relay": 4.0})
    gauges.set_by("behind_seconds", "reader", {})
    assert b"relay" not in generate_latest(metrics.registry(gauges))
