"""Log lines: structured, and never a place where a text or a token turns up."""

import errno
import io
import json
import logging
import sys

import pytest
import structlog

from engine import log

TOKEN = "MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs"  # Discord's documented example of a token's form


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    before = logging.getLogger().handlers[:], logging.getLogger().level
    log.configure("test", "debug", "json")
    yield_to = written
    request_handlers, level = before
    structlog.contextvars.bind_contextvars(service="test")
    logging.getLogger().handlers[:] = [*logging.getLogger().handlers, *request_handlers]
    logging.getLogger().setLevel(min(level or logging.WARNING, logging.WARNING))
    return yield_to


def test_each_line_says_which_service_wrote_it(lines: io.StringIO) -> None:
    """One file of all processes stays readable."""
    log.get("room").info("something happened", turn="t1")
    found = json.loads(lines.getvalue().splitlines()[-1])
    assert found["service"] == "test"
    assert (found["event"], found["room"], found["turn"]) == ("something happened", "room", "t1")


@pytest.mark.parametrize(
    "text",
    [
        f"GET /api/webhooks/123/{TOKEN}?wait=true",
        f"POST /interactions/99/{TOKEN}/callback",
        f"Authorization: Bot {TOKEN}",
        f"Bearer {TOKEN}",
        f"postgresql://user:{TOKEN}@host/db",
    ],
)
def test_tokens_in_addresses_and_headers_are_cut_out(lines: io.StringIO, text: str) -> None:
    """Wherever a library would put them, ours or its own line."""
    log.get("room").warning(text, url=text)
    logging.getLogger("somelibrary").error("failed: %s", text)
    assert TOKEN not in lines.getvalue()
    assert lines.getvalue().count("\n") >= 2


def test_fields_that_could_hold_a_text_are_left_out(lines: io.StringIO) -> None:
    """Even when somebody passes one by mistake."""
    log.get("room").error("x", text="canary-text", content="canary-text", prompt="canary-text", key="canary-text")
    assert "canary" not in lines.getvalue()


def test_an_exceptions_message_is_not_logged_but_its_place_is(lines: io.StringIO) -> None:
    """Messages of exceptions quote input; type and line are what an operator needs."""
    try:
        raise ValueError("canary-text")
    except ValueError as error:
        log.get("room").error("failed", exc_info=error)
    found = json.loads(lines.getvalue().splitlines()[-1])
    assert found["error"] == "ValueError"
    assert "test_log_lines.py" in found["at"][0]
    assert "canary" not in lines.getvalue()


def test_a_line_that_finds_no_room_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Logs lie on the disk that is full; whoever says so goes on."""

    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        def flush(self) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    before = logging.getLogger().handlers[:]
    monkeypatch.setattr(sys, "stderr", Full())
    try:
        log.configure("test")
        log.get("x").warning("no room on the disk")
        logging.getLogger("y").error("nor for others")
    finally:
        monkeypatch.undo()
        log.configure("test")
        logging.getLogger().handlers[:] = before
