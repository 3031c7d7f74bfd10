"""`tzurot smoke` as a person runs it: one answer in the playground, one on Discord, nothing left behind."""

import json
import os
import subprocess
import sys
from collections import defaultdict

import pytest

from tests.support.collector import CollectedSpan, Collector, collecting

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

TOLD = ["message.received", "turn.requested", "turn.generation_started", "turn.completed", "reply.delivered"]


def test_smoke_answers_at_both_faces_and_leaves_nothing_running() -> None:
    """Both replies are there, the events come in their order, and the times before and after the provider are measured."""
    command = [sys.executable, "-P", "-m", "bot.cli.main", "smoke", "--json"]
    with collecting() as collector:
        told = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.address, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=400, env=os.environ | told)
    assert done.returncode == 0, (done.stdout, done.stderr)
    result = json.loads(done.stdout)
    assert [exchange["venue"] for exchange in result["exchanges"]] == ["playground", "discord"]
    for exchange in result["exchanges"]:
        assert "Hello from" in exchange["reply"]
        assert [name for name in exchange["events"] if name in TOLD] == TOLD
        assert exchange["message_to_request_ms"] > 0
        assert exchange["provider_end_to_delivered_ms"] > 0
    assert result["processes_left"] == []
    judge_traces(collector, result["exchanges"])


def judge_traces(collector: Collector, exchanges: list[dict[str, str]]) -> None:
    """F8: each message is one trace through all processes, and no word of anybody's is in any of them."""
    traces = defaultdict[str, list[CollectedSpan]](list)
    for span in collector.spans():
        traces[span.trace].append(span)
    whole = [spans for spans in traces.values() if {span.name.split()[0] for span in spans} >= {"message", "turn", "chat", "deliver"}]
    assert len(whole) == len(exchanges), [[(one.service, one.name) for one in spans] for spans in traces.values()]
    faces = set[str]()
    for spans in whole:
        by_name = {span.name.split()[0]: span for span in spans}
        assert (by_name["message"].parent, by_name["turn"].parent) == ("", by_name["message"].span)
        assert by_name["chat"].parent == by_name["deliver"].parent == by_name["turn"].span
        assert by_name["turn"].service == by_name["chat"].service == "tzurot-worker"
        assert by_name["message"].service == by_name["deliver"].service
        passed = {span.name: (span.service, span.parent) for span in spans if span.name.startswith("receive ")}
        assert passed["receive worker"] == ("tzurot-worker", by_name["message"].span)
        faces.add(by_name["message"].service)
    assert faces == {"tzurot-bot", "tzurot-console"}
    sent = b"".join(collector.bodies)
    assert not [one for one in exchanges if one["reply"].encode() in sent or b"Hello" in sent]
