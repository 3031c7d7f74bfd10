"""One reader for whatever shape a provider reports an error in: into words, kinds, a status and when to come back."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from engine.fault import Category, Fault
from engine.outside import clean
from engine.outside.category import classify
from worker.providers import hints
from worker.providers.shapes import as_dict, as_list, as_status, as_str, documents

WORDS = 2000
"""Characters of a provider's message that are kept."""
RAW = 4000
BODY_LIMIT = 256 * 1024
"""Bytes of a failed answer that are read."""
SOON = 300.0
"""Seconds: what is to be had again within them is a rate, not money."""
_DEEP = 6
_ERROR = (
    "error",
    "errors",
    "err",
    "fault",
    "exception",
    "innererror",
    "inner_error",
    "base_resp",
    "detail",
    "details",
    "metadata",
    "raw",
    "response",
    "fieldViolations",
    "field_violations",
)
"""Where one error stands within another, or beside it."""
_ERROR_AS_TEXT = frozenset({"error", "errors", "fault", "raw"})
_MESSAGE = (
    "message",
    "msg",
    "error_message",
    "error_msg",
    "errorMessage",
    "error_description",
    "detail",
    "title",
    "faultstring",
    "status_msg",
    "reason",
    "description",
    "Message",
)
_KIND = ("error_type", "reason", "code", "type", "status", "__type", "error_code", "errorCode", "name", "kind", "error")
_NUMBER = ("code", "status", "status_code", "statusCode", "http_status", "httpStatus", "error_code", "http_code")
_PARAM = ("param", "parameter", "field", "fieldName", "property")
_NO_KIND = frozenset({"error", "invalid", "none", "null", "failed", "failure", "about:blank"})
_HTML = re.compile(r"<(?:title|h1)[^<>]{0,200}>([^<]{1,300})", re.IGNORECASE)
_NO_PATH = re.compile(
    r"(http )?404|(page |path |route |resource |endpoint )?not found\W*\Z|method not allowed"
    r"|(invalid|unknown|unrecognized)( request)? (url|path)|cannot (post|get) |no (such )?(route|path|handler)|unsupported (path|method)"
    r"|(http )?501|not implemented\W*\Z",
    re.IGNORECASE,
)
_TAG = re.compile(r"<[^<>]{0,500}>")


@dataclass(frozen=True, slots=True)
class Reported:
    """An error as a provider reported it. `kinds` are its codes and types, the most particular first; `params` what it names as wrong."""

    message: str = ""
    kinds: tuple[str, ...] = ()
    status: int | None = None
    retry_after: float | None = None
    params: tuple[str, ...] = ()
    page: bool = False
    """Whether it was no report but a page for people, or words without any form."""
    doubtful: bool = False
    """Whether it may as well say that all is well, or how far it is."""

    @property
    def known(self) -> bool:
        return bool(self.message or self.kinds or self.status)


NOTHING = Reported()
_ANSWERS = frozenset({"choices", "candidates", "usage", "delta", "content", "response", "output", "done", "token", "object"})
"""Names that an answer has and no error."""
_WELL = frozenset({"0", "200", "ok", "success"})


def within(document: Mapping[str, Any], event: str = "") -> Reported | None:
    """The error that a document of an answer reports; None when it is an answer, or says nothing of the kind."""
    document = _small(dict(document))
    if _says_error(document, event):
        return read(document)
    if _may_be_error(document):
        return replace(read(document), doubtful=True)
    for choice in as_list(document.get("choices"))[:8]:
        if _nonblank(as_dict(choice).get("error")):
            return read({"error": choice["error"]})
    return None


def _says_error(document: Mapping[str, Any], event: str) -> bool:
    error = document.get("error")
    if (_nonblank(error) and not _is_well(as_dict(error))) or event == "error" or "error" in (document.get("type"), document.get("object")):
        return True
    if document.get("type") == "response.failed" or document.get("success") is False:
        return True
    if document.keys() & _ANSWERS:
        return False
    odd = as_dict(document.get("base_resp")).get("status_code") not in (None, 0)
    return odd or any(_nonblank(document.get(name)) for name in ("errors", "detail", "fault", "__type", "error_code", "errorCode"))


def _may_be_error(document: Mapping[str, Any]) -> bool:
    """Whether it is a sentence and nothing else: what is wrong, or that all is well, or that one has to wait."""
    return not document.keys() & _ANSWERS and isinstance(document.get("message", document.get("msg")), str) and "role" not in document


def _is_well(error: Mapping[str, Any]) -> bool:
    """Whether an object named error says by its code that there is none."""
    return str(error.get("code", "")).lower() in _WELL and not error.get("type")


def _nonblank(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_nonblank, value.values()))
    return bool(value) and value not in ("null", "none", "None", "0")


def read(document: object) -> Reported:
    """What an error document says, whatever its form: OpenAI's, OpenRouter's, Anthropic's, Google's, Azure's, Cohere's, FastAPI's ..."""
    levels = list(_levels(document, 0))
    # The innermost message is the one of whoever knew best; one that only wraps another says less.
    messages = [text for level in levels for text in _texts(level)]
    kinds = [kind for level in reversed(levels) for kind in _kinds(level)]
    numbers = [number for level in reversed(levels) for name in _NUMBER if (number := as_status(level.get(name))) and number >= 400]
    params = [text for level in levels for name in _PARAM if (text := as_str(level.get(name)))]
    params += [str(place) for level in levels for place in as_list(level.get("loc")) if place not in ("body", "query")]
    waits = [seconds for level in levels if (seconds := hints.of_fields(level)) is not None]
    message = clean.storable(". ".join(dict.fromkeys(messages))[:WORDS])
    return Reported(
        message,
        tuple(dict.fromkeys(kinds)),
        numbers[0] if numbers else None,
        waits[0] if waits else hints.of_words(message),
        tuple(clean.name(param, 80) for param in dict.fromkeys(params))[:8],
    )


def _levels(value: object, depth: int) -> Iterator[Mapping[str, Any]]:
    """The error's dictionaries, outermost first, also those within lists and within text that is JSON."""
    if depth > _DEEP:
        return
    if isinstance(value, str):
        yield from _of_text(value, depth)
    elif isinstance(value, list):
        for entry in value[:8]:
            yield from _levels(entry, depth + 1)
    elif isinstance(value, dict):
        value = _small(value)
        yield value
        yield from _by_field(value)
        for name in _ERROR:
            if isinstance(value.get(name), dict | list) or (name in _ERROR_AS_TEXT and isinstance(value.get(name), str)):
                yield from _levels(value[name], depth + 1)
        if isinstance(value.get("message"), dict | list) or as_str(value.get("message")).lstrip().startswith("{"):
            yield from _levels(value["message"], depth + 1)


def _small(value: dict[str, Any]) -> dict[str, Any]:
    """The dictionary with `Error`, `Message` and `CODE` by the names that others give them."""
    if not any(name[:1].isupper() for name in value):
        return value
    return {name.lower() if name.isupper() else name[:1].lower() + name[1:]: item for name, item in value.items()} | value


def _by_field(value: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """What is wrong with each field, where an error lists that by the fields' names, or as RFC 9457 does."""
    for name, said in list(as_dict(value.get("errors")).items())[:8]:
        if (words := as_list(said)) and isinstance(words[0], str):
            yield {"message": f"{name}: {words[0]}", "param": name}
    for entry in map(as_dict, (as_list(value.get("invalid-params")) or as_list(value.get("invalid_params")))[:8]):
        yield {"message": f"{as_str(entry.get('name'))}: {as_str(entry.get('reason'))}", "param": entry.get("name")}


def _of_text(text: str, depth: int) -> Iterator[Mapping[str, Any]]:
    if text.lstrip().startswith(("{", "[")) and (inner := documents(text[: 4 * RAW])):
        for entry in inner[:8]:
            yield from _levels(entry, depth + 1)
    elif text.strip():
        yield {"message": text}


def _texts(level: Mapping[str, Any]) -> Iterator[str]:
    for name in _MESSAGE:
        text = as_str(level.get(name)).strip()
        if text and not text.startswith("{"):
            yield text[:WORDS]
            return


def _kinds(level: Mapping[str, Any]) -> Iterator[str]:
    for name in _KIND:
        kind = clean.name(level.get(name), 80)
        if kind and " " not in kind and as_status(kind) is None and kind.lower() not in _NO_KIND:
            yield kind


def of_body(text: str) -> Reported:
    """What the body of a failed answer says: JSON of any shape, a page for people, or plain words."""
    found = documents(text) if text.lstrip("\ufeff \t\r\n").startswith(("{", "[", "data:", '"')) or "\ndata:" in text else None
    if found:
        return read(found)
    start = text[: 4 * RAW].strip()
    if start.startswith("<") or "<html" in start[:500].lower():
        titles = _HTML.findall(start)
        words = " ".join((titles[0] if titles else _TAG.sub(" ", start)).split())
        return Reported(clean.name(words, 300), page=True, retry_after=hints.of_words(words))
    words = " ".join(start.strip('"').split())[:WORDS]
    return Reported(clean.storable(words), retry_after=hints.of_words(words), page=True)


def fault_of(status: int | None, reported: Reported, headers: Mapping[str, str], *, raw: str = "") -> Fault:
    """The fault of a reported error. `status` is HTTP's, None for one that came within an answer of status 200."""
    effective = status
    if reported.status is not None and status in (None, 400, 500, 502, 503):
        effective = reported.status
    category = classify(effective, reported.message, *reported.kinds, page=reported.page)
    if status in {404, 405, 410, 501} and _of_path(reported):
        category = Category.WRONG_ADDRESS  # somebody else answers there: a provider says which model it lacks
    wait = hints.of_headers(headers)
    wait = wait if wait is not None else reported.retry_after
    if category is Category.QUOTA_EXCEEDED and effective == 429 and wait is not None and wait <= SOON:
        category = Category.RATE_LIMIT  # Google says "quota" of a minute's limit as well
    kinds = " ".join(reported.kinds)
    return Fault(
        category,
        effective,
        provider_message=reported.message,
        technical_details=clean.storable(f"HTTP {status or effective} {kinds}\n{raw[:RAW]}".strip()),
        retry_after=wait,
        params=reported.params,
    )


def _of_path(reported: Reported) -> bool:
    """Whether it is the path that is not there: a page for people says so, or words about no model."""
    words = reported.message
    return "model" not in words.lower() and (reported.page or _NO_PATH.match(words) is not None)


def of_answer(status: int, headers: Mapping[str, str], body: bytes) -> Fault:
    """The fault of a failed answer that was read whole."""
    text = body[: 16 * RAW].decode("utf-8", "replace")
    return fault_of(status, of_body(text), headers, raw=text)
