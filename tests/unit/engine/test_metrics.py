"""Numbers of a process as Prometheus reads them."""

import socket
from contextlib import suppress
from http.client import HTTPException
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


def test_half_requests_end_and_take_no_room_from_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many at a time, each for so long; what a peer sends a byte at a time ends as well."""
    monkeypatch.setattr(metrics, "ABREAST", 2)
    monkeypatch.setattr(metrics, "SECONDS", 0.2)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    metrics.serve(port, Gauges("bot"), "BOT_METRICS_PORT")
    held = [socket.create_connection(("127.0.0.1", port)) for _ in range(5)]
    for one in held:
        one.settimeout(60)
        with suppress(OSError):
            one.sendall(b"GET /metrics HT")
    for one in held:
        with one, suppress(ConnectionError):
            assert one.recv(100) == b""
    while True:  # until the last of them has given its place back
        with suppress(OSError, HTTPException), urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            assert b"tzurot" in answer.read() or answer.status == 200
            break


def test_what_is_gone_is_told_no_more() -> None:
    """A read model that is behind no more has no age."""
    gauges = Gauges("projections")
    gauges.set_by("behind_seconds", "reader", {"relay": 4.0})
    gauges.set_by("behind_seconds", "reader", {})
    assert b"relay" not in generate_latest(metrics.registry(gauges))
