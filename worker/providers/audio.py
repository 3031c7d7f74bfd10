"""Speech to text and text to speech in the OpenAI dialect: `/audio/transcriptions` and `/audio/speech`."""

import secrets
from collections.abc import Mapping

import orjson

from engine.decide.spending.spend import Permit
from engine.fault import Category, Fault
from worker.providers import address, errors
from worker.providers.chat import Endpoint, censored
from worker.providers.failure import ProviderFailed
from worker.providers.http import Http, Response

SECONDS = 180.0
SPEECH_BYTES = 32 * 1024 * 1024
"""Of speech that is taken: WAV, eight minutes of it."""


async def transcribe(http: Http, endpoint: Endpoint, permit: Permit, content: bytes, name: str, media_type: str) -> str:
    """What is said in a file. Raises ProviderFailed."""
    kind, body = form({"model": permit.model, "response_format": "json"}, name, media_type, content)
    answer = await _asked(http, endpoint, "audio/transcriptions", kind, body)
    try:
        said = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        said = None
    if not isinstance(said, dict) or not isinstance(text := said.get("text"), str):
        raise ProviderFailed(Fault(Category.BAD_RESPONSE, answer.status, technical_details="the answer to a voice message has no text"))
    return endpoint.redact(text)


async def speak(http: Http, endpoint: Endpoint, permit: Permit, text: str, voice: str) -> bytes:
    """A text said aloud, as a WAV file. Raises ProviderFailed."""
    body = orjson.dumps({"model": permit.model, "input": text, "voice": voice or "alloy", "response_format": "wav"})
    answer = await _asked(http, endpoint, "audio/speech", "application/json", body)
    if answer.body[:4] != b"RIFF":
        raise ProviderFailed(Fault(Category.BAD_RESPONSE, answer.status, technical_details="what was to be speech is no WAV file"))
    return answer.body


async def _asked(http: Http, endpoint: Endpoint, path: str, kind: str, body: bytes) -> Response:
    url = endpoint.url(path)
    headers = endpoint.headers() | {"content-type": kind, "accept": "*/*"}
    try:
        answer = await http.request("POST", url, headers=headers, body=body, seconds=SECONDS, limit=SPEECH_BYTES)
        if answer.status >= 300:
            raise ProviderFailed(address.explained(url, errors.of_answer(answer.status, answer.headers, answer.body[: errors.BODY_LIMIT])))
    except ProviderFailed as failure:
        raise ProviderFailed(censored(endpoint.redact, failure.fault)) from None
    return answer


def form(fields: Mapping[str, str], name: str, media_type: str, content: bytes) -> tuple[str, bytes]:
    """(content type, body) of a form with a file in it, as `multipart/form-data`. Names are ours: nothing needs escaping in them."""
    border = secrets.token_hex(16)
    lines = [f'--{border}\r\ncontent-disposition: form-data; name="{key}"\r\n\r\n{value}\r\n' for key, value in fields.items()]
    lines.append(f'--{border}\r\ncontent-disposition: form-data; name="file"; filename="{name}"\r\ncontent-type: {media_type}\r\n\r\n')
    return f"multipart/form-data; boundary={border}", "".join(lines).encode() + content + f"\r\n--{border}--\r\n".encode()
