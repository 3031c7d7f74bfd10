"""Structured logs: service and correlation id on each line, never a message text, a token or an address with one in it."""

import logging
import re
import sys
from collections.abc import Iterable, MutableMapping
from contextlib import suppress
from typing import Any, TextIO, cast

import re2

from engine import lean
from engine.outside.redact import Redactor

with lean.without("rich"):  # it would draw tracebacks, which we never show
    import structlog

_SECRETS = (
    (re.compile(r"(/webhooks/\d+/)[^/?\s\"']+"), r"\1…"),
    (re.compile(r"(/interactions/\d+/)[^/?\s\"']+"), r"\1…"),
    (re.compile(r"(?i)\b(bot|bearer|basic)\s+[\w.~+/=-]{8,}"), r"\1 …"),
    (re.compile(r"\bsk-[\w-]{8,}"), "sk-…"),
    (re.compile(r"(?i)(pass(?:word|wd|phrase)?|api_?key|secret|token)(\s*=\s*)('[^']*'|[^\s&'\"]+)"), r"\1\2…"),
)
_PASSWORD = re2.compile(r"(\w+://[^:/@\s]*:)[^@\s]+@")
_FORBIDDEN_FIELDS = frozenset(
    {"text", "content", "body", "payload", "prompt", "reply", "token", "api_key", "key", "password", "authorization"}
)
_QUIET = ("httpx", "httpcore", "nextcord", "faststream", "nats", "uvicorn.access", "asyncio", "psycopg.pool", "sse_starlette")


_hide = Redactor()


def redact(text: str) -> str:
    """The text without tokens, keys and passwords in the places where libraries put them, and without this process's own in any form."""
    text = _hide(text)
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    if "://" not in text:
        return text
    return str(_PASSWORD.sub(r"\1…@", text.encode(errors="replace").decode()))  # of strangers' length, and re2 takes no halves of pairs


def _redact_event(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in event.items():
        if name in _FORBIDDEN_FIELDS:
            event[name] = "[left out]"
        elif isinstance(value, str):
            event[name] = redact(value)
    return event


def _drop_exception_text(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    # An exception's message may quote what a person wrote; its type and place are what an operator needs.
    info = event.pop("exc_info", None)
    if info:
        error = info if isinstance(info, BaseException) else (info[1] if isinstance(info, tuple) else sys.exc_info()[1])
        if error is not None:
            event["error"], event["at"] = type(error).__name__, _place(error)
    return event


def _place(error: BaseException) -> list[str]:
    frames, trace = [], error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(f"{code.co_filename.rsplit('/', 2)[-1]}:{trace.tb_lineno}:{code.co_name}")
        trace = trace.tb_next
    return frames[-6:]


class _LibraryFilter(logging.Filter):
    """What libraries log may hold addresses with tokens and bodies: keep the sentence, drop its arguments below warning."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage())[:300], ()
        record.exc_text = None
        return True


class _Lines:
    """Where lines go. One that finds no room is lost: whoever writes it has something else to do."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        with suppress(OSError):
            return self._file.write(text)
        return 0

    def flush(self) -> None:
        with suppress(OSError):
            self._file.flush()


def configure(service: str, level: str = "info", form: str = "auto", hide: Iterable[str] = ()) -> None:
    """Set up logging for this process. `form` is auto, console or json; lines go to standard error. `hide`: secrets it may not hold."""
    global _hide
    _hide = Redactor(*hide)
    json_lines = form == "json" or (form == "auto" and not sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _drop_exception_text,
        _redact_event,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if json_lines else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    lines = cast(TextIO, _Lines(sys.stderr))
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=lambda *_: structlog.PrintLogger(lines),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(service=service)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]
        )
    )
    handler.addFilter(_LibraryFilter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def get(name: str) -> Any:
    """A logger whose lines carry `room=name`. Bind ids (turn, channel), never texts."""
    return structlog.get_logger(room=name)
