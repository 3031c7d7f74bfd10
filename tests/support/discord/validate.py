"""Discord's own OpenAPI as the judge of both sides: what the bot sends, and what the stand-in answers.

Where the document comes from says tests/support/documents.py; without it there is no judge.
Answers are held against the schema of their status; requests also must not contain keys the schema does not know.
"""

import json
from functools import cache
from pathlib import Path

import jsonschema_rs

from tests.support import documents
from tests.support.discord.errors import Json

FILE = "discord-openapi.json"


def spec_path() -> Path | None:
    """Where Discord's OpenAPI lies on this machine, or None."""
    return documents.find(FILE)


@cache
def load(path: Path) -> "Spec":
    """The compiled judge; kept, because reading 2 MB of JSON takes a moment."""
    return Spec(json.loads(path.read_text(encoding="utf-8")))


def _any(node: object) -> object:
    """oneOf becomes anyOf: Discord's unions overlap, so "exactly one" would refuse what Discord accepts."""
    if isinstance(node, dict):
        return {("anyOf" if k == "oneOf" else k): _any(v) for k, v in node.items()}
    return [_any(v) for v in node] if isinstance(node, list) else node


class Spec:
    """Validators per operation, made when first asked for."""

    def __init__(self, document: Json) -> None:
        relaxed = _any(document)
        assert isinstance(relaxed, dict)
        self._paths: Json = relaxed["paths"]
        self._components: Json = relaxed["components"]
        self._compiled: dict[str, jsonschema_rs.Validator] = {}

    def knows(self, method: str, template: str) -> bool:
        """Whether the document describes this operation."""
        return method.lower() in self._paths.get(template, {})

    def request_problems(self, method: str, template: str, body: object) -> list[str]:
        """What is wrong with a request body; empty when it fits."""
        operation = self._paths[template][method.lower()]
        content = operation.get("requestBody", {}).get("content", {})
        schema = content.get("application/json", {}).get("schema")
        if schema is None:
            return [] if body in (None, {}) else [f"{method} {template}: takes no body"]
        return [f"{method} {template}: request {p}" for p in self._problems(schema, deviations(method, template, body), strict=True)]

    def response_problems(self, method: str, template: str, status: int, body: object) -> list[str]:
        """What is wrong with an answer; empty when it fits."""
        responses = self._paths[template][method.lower()]["responses"]
        answer = responses.get(str(status)) or responses.get(f"{status // 100}XX")
        if answer is None:
            return [] if status >= 400 else [f"{method} {template}: {status} is not among {sorted(responses)}"]
        if "$ref" in answer:
            answer = self._components["responses"][answer["$ref"].rsplit("/", 1)[-1]]
        schema = answer.get("content", {}).get("application/json", {}).get("schema")
        if schema is None:
            return [] if body is None else [f"{method} {template}: {status} has no body"]
        if status >= 400 and isinstance(body, dict):
            # Of a field error the document says that its code is a number; Discord sends words such as BASE_TYPE_MAX_LENGTH.
            body = {k: v for k, v in body.items() if k != "errors"}
        return [f"{method} {template}: response {p}" for p in self._problems(schema, body, strict=False)]

    def _problems(self, schema: Json, value: object, *, strict: bool) -> list[str]:
        tried = [self._variant(v, value, strict=strict) for v in self._variants(schema)]
        return min(tried, key=len)

    def _variants(self, schema: Json) -> list[Json]:
        if "anyOf" in schema:
            return [v for option in schema["anyOf"] for v in self._variants(option)]
        return [schema]

    def _variant(self, schema: Json, value: object, *, strict: bool) -> list[str]:
        found = [f"{'/'.join(map(str, e.instance_path))}: {e.message[:200]}" for e in self._validator(schema).iter_errors(value)]
        if strict and isinstance(value, dict):
            properties = self._resolved(schema).get("properties")
            if properties is not None:
                found += [f"{k}: unknown key" for k in value if k not in properties]
        if strict and isinstance(value, list) and "items" in schema:
            found += [p for v in value for p in self._variant(schema["items"], v, strict=True)]
        return found

    def _resolved(self, schema: Json) -> Json:
        return self._components["schemas"][schema["$ref"].rsplit("/", 1)[-1]] if "$ref" in schema else schema

    def _validator(self, schema: Json) -> jsonschema_rs.Validator:
        key = json.dumps(schema, sort_keys=True)
        if key not in self._compiled:
            self._compiled[key] = jsonschema_rs.validator_for(schema | {"components": self._components})
        return self._compiled[key]


def deviations(method: str, template: str, body: object) -> object:
    """nextcord's known departures from the document, mended so that only new ones are reported.

    Integer snowflakes in message_reference, integer ids in attachments, `tts` on PATCH, `nsfw` on commands. Discord takes them all.
    """
    if isinstance(body, list):
        return [deviations(method, template, b) for b in body]
    if not isinstance(body, dict):
        return body
    mended = dict(body)
    if "/commands" in template:
        mended.pop("nsfw", None)
    if method == "PATCH":
        mended.pop("tts", None)
    if isinstance(mended.get("message_reference"), dict):
        mended["message_reference"] = {k: str(v) if k.endswith("_id") else v for k, v in mended["message_reference"].items()}
    if isinstance(mended.get("attachments"), list):
        mended["attachments"] = [a | {"id": str(a["id"])} if isinstance(a, dict) and "id" in a else a for a in mended["attachments"]]
    if isinstance(mended.get("data"), dict):
        mended["data"] = deviations(method, template, mended["data"])
    return mended
