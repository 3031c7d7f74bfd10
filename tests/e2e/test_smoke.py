"""`tzurot smoke` as a person runs it: one answer in the playground, one on Discord, nothing left behind."""

import json
import os
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

TOLD = ["message.received", "turn.requested", "turn.generation_started", "turn.completed", "reply.delivered"]


def test_smoke_answers_at_both_faces_and_leaves_nothing_running() -> None:
    """Both replies are there, the events come in their order, and the times before and after the provider are measured."""
    command = [sys.executable, "-P", "-m", "bot.cli.main", "smoke", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, env=dict(os.environ))
    assert done.returncode == 0, (done.stdout, done.stderr)
    result = json.loads(done.stdout)
    assert [exchange["venue"] for exchange in result["exchanges"]] == ["playground", "discord"]
    for exchange in result["exchanges"]:
        assert "Hello from" in exchange["reply"]
        assert [name for name in exchange["events"] if name in TOLD] == TOLD
        assert exchange["message_to_request_ms"] > 0
        assert exchange["provider_end_to_delivered_ms"] > 0
    assert result["processes_left"] == []
