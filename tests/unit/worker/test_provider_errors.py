"""One reader for errors of every shape: category, status, words, and when to come back."""

import base64
import codecs
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import clock
from engine.fault import Category
from engine.outside.redact import Redactor
from worker.providers import address, errors, hints

BODIES: list[tuple[int, object, Category]] = [
    (400, [{"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}}], Category.AUTHENTICATION),
    (
        400,
        {"error": {"code": 400, "message": "bad", "status": "INVALID_ARGUMENT", "details": [{"reason": "API_KEY_INVALID"}]}},
        Category.AUTHENTICATION,
    ),
    (429, [{"error": {"code": 429, "message": "Resource has been exhausted", "status": "RESOURCE_EXHAUSTED"}}], Category.RATE_LIMIT),
    (
        404,
        {"error": {"code": 404, "message": "models/gemini-9 is not found for API version v1beta", "status": "NOT_FOUND"}},
        Category.MODEL_NOT_FOUND,
    ),
    (529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, Category.SERVER_ERROR),
    (401, {"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}}, Category.AUTHENTICATION),
    (
        400,
        {"type": "error", "error": {"type": "invalid_request_error", "message": "credit balance is too low"}},
        Category.QUOTA_EXCEEDED,
    ),
    (
        413,
        {"type": "error", "error": {"type": "request_too_large", "message": "Request is too large"}},
        Category.CONTEXT_LENGTH,
    ),
    (
        400,
        {
            "error": {
                "code": "content_filter",
                "message": "The response was filtered",
                "innererror": {"code": "ResponsibleAIPolicyViolation"},
            }
        },
        Category.CONTENT_POLICY,
    ),
    (
        404,
        {"error": {"code": "DeploymentNotFound", "message": "The API deployment for this resource does not exist."}},
        Category.MODEL_NOT_FOUND,
    ),
    (401, {"statusCode": 401, "message": "Access denied due to invalid subscription key."}, Category.AUTHENTICATION),
    (429, {"statusCode": 429, "message": "Rate limit is exceeded. Try again in 20 seconds."}, Category.RATE_LIMIT),
    (401, {"message": "invalid api token"}, Category.AUTHENTICATION),
    (400, {"message": "invalid request: prompt is too long"}, Category.CONTEXT_LENGTH),
    (404, {"error": 'model "llama9" not found, try pulling it first'}, Category.MODEL_NOT_FOUND),
    (500, {"error": "llama runner process has terminated"}, Category.SERVER_ERROR),
    (422, {"detail": [{"loc": ["body", "messages"], "msg": "field required", "type": "value_error.missing"}]}, Category.BAD_REQUEST),
    (401, {"detail": "Not authenticated"}, Category.AUTHENTICATION),
    (503, {"error": "Model x is currently loading", "estimated_time": 20.0}, Category.SERVER_ERROR),
    (400, {"__type": "ThrottlingException", "message": "Too many requests"}, Category.RATE_LIMIT),
    (
        400,
        {"object": "error", "message": "This model's maximum context length is 8192 tokens", "type": "BadRequestError", "code": 400},
        Category.CONTEXT_LENGTH,
    ),
    (
        429,
        {"error": {"type": "insufficient_quota", "code": "insufficient_quota", "message": "You exceeded your current quota"}},
        Category.QUOTA_EXCEEDED,
    ),
    (500, {"error": {"message": '{"error":{"code":429,"message":"slow"}}', "code": 429}}, Category.RATE_LIMIT),
    (
        502,
        {"error": {"code": 502, "metadata": {"raw": '{"error":{"message":"Rate limit reached","type":"rate_limit_error"}}'}}},
        Category.RATE_LIMIT,
    ),
    (400, {"fault": {"faultstring": "Invalid API key", "detail": {"errorcode": "oauth.v2.InvalidApiKey"}}}, Category.AUTHENTICATION),
    (400, {"title": "Unauthorized", "status": 401, "detail": "token expired"}, Category.AUTHENTICATION),
    (402, {"error": {"message": "Insufficient Balance", "type": "unknown_error"}}, Category.QUOTA_EXCEEDED),
    (500, "boom", Category.SERVER_ERROR),
    (503, "<html><head><title>503 Service Unavailable</title></head></html>", Category.SERVER_ERROR),
    (404, "<html><h1>Not Found</h1></html>", Category.WRONG_ADDRESS),
    (404, "404 page not found", Category.WRONG_ADDRESS),
    (405, "Method Not Allowed", Category.WRONG_ADDRESS),
    (501, "<h1>Error response</h1><p>Error code: 501</p><p>Message: Unsupported method ('POST').</p>", Category.WRONG_ADDRESS),
    (501, {"detail": "Not Implemented"}, Category.WRONG_ADDRESS),
    (501, "", Category.WRONG_ADDRESS),
    (501, {"error": {"message": "This server does not support chat completions", "type": "not_supported_error"}}, Category.BAD_REQUEST),
    (501, {"error": {"message": "model x does not support chat"}}, Category.BAD_REQUEST),
    (511, "<title>Network login</title>", Category.BLOCKED),
    (200, {"code": 1004, "msg": "login fail: Please carry the API secret key in the 'Authorization' field"}, Category.AUTHENTICATION),
    (400, {"error": {"message": "无效的令牌"}}, Category.AUTHENTICATION),
    (403, {"error": {"message": "Your account has been deactivated"}}, Category.AUTHENTICATION),
    (403, {"error": {"message": "Your account does not have enough funds"}}, Category.QUOTA_EXCEEDED),
    (403, {"error": {"message": "该令牌额度已用尽"}}, Category.QUOTA_EXCEEDED),
    (400, {"error": {"message": "prompt tokens 9000 > 8192 limit"}}, Category.CONTEXT_LENGTH),
    (400, {"detail": "Model x is disabled"}, Category.MODEL_NOT_FOUND),
    (400, {"error": {"message": "The requested model 'x' is no longer supported"}}, Category.MODEL_NOT_FOUND),
    (403, {"error": {"message": "Model x is not available on your plan"}}, Category.MODEL_NOT_FOUND),
    (400, {"error": {"message": "输入内容包含敏感词"}}, Category.CONTENT_POLICY),
    (403, {"error": {"message": "Forbidden"}}, Category.BLOCKED),
    (403, {"message": "Access denied"}, Category.BLOCKED),
    (404, {"detail": "Not Found"}, Category.WRONG_ADDRESS),
    (404, {"error": {"message": "Invalid URL (POST /chat/completions)", "type": "invalid_request_error"}}, Category.WRONG_ADDRESS),
    (404, {"error": {"message": "No endpoints found for x/y"}}, Category.MODEL_NOT_FOUND),
    (404, "The model x does not exist", Category.MODEL_NOT_FOUND),
    (400, "upstream: context length exceeded", Category.CONTEXT_LENGTH),
    (400, "", Category.BAD_REQUEST),
    (400, {"error": "No models loaded. Please load a model in the developer page."}, Category.MODEL_NOT_FOUND),
    (
        403,
        {"error": {"code": 403, "message": "x is disabled.", "status": "PERMISSION_DENIED", "details": [{"reason": "SERVICE_DISABLED"}]}},
        Category.AUTHENTICATION,
    ),
    (422, {"error": {"message": "`inputs` tokens + `max_new_tokens` must be <= 8193. Given: 9000"}}, Category.CONTEXT_LENGTH),
    (400, {"error": {"message": "Prompt length 9000 is greater than max_seq_len 4096"}}, Category.CONTEXT_LENGTH),
    (400, {"code": "Arrearage", "message": "Access denied, please make sure your account is in good standing."}, Category.QUOTA_EXCEEDED),
    (429, {"error": {"code": "1113", "message": "您的账户已欠费,请充值后重试"}}, Category.QUOTA_EXCEEDED),
    (400, {"error": {"message": "User x has exceeded their budget", "type": "budget_exceeded", "code": "400"}}, Category.QUOTA_EXCEEDED),
    (
        429,
        {"error": {"code": 429, "message": "You exceeded your current quota", "details": [{"retryDelay": "37s"}]}},
        Category.RATE_LIMIT,
    ),
    (
        403,
        {"error": {"message": "Country, region, or territory not supported", "code": "unsupported_country_region_territory"}},
        Category.BLOCKED,
    ),
    (
        400,
        {"error": {"code": 400, "message": "User location is not supported for the API use.", "status": "FAILED_PRECONDITION"}},
        Category.BLOCKED,
    ),
    (403, {"error": {"type": "forbidden", "message": "This model is not available in your region."}}, Category.BLOCKED),
    (403, {"error": {"message": "Your IP address is not in the allowlist of this key."}}, Category.BLOCKED),
    (403, "<html><head><title>Attention Required! | Cloudflare</title></head></html>", Category.BLOCKED),
    (403, "<html><head><title>403 Forbidden</title></head><body>nginx</body></html>", Category.BLOCKED),
    (403, "Access denied by the administrator", Category.BLOCKED),
    (451, "Unavailable For Legal Reasons", Category.BLOCKED),
    (403, {"error": {"message": "Project p does not have access to model gpt-x", "code": "model_not_found"}}, Category.MODEL_NOT_FOUND),
    (403, {"error": {"type": "permission_error", "message": "You are not allowed to use this model"}}, Category.MODEL_NOT_FOUND),
    (403, {"error": {"message": "Your input was flagged", "metadata": {"reasons": ["violence"]}}}, Category.CONTENT_POLICY),
    (403, "Your prompt was flagged by moderation", Category.CONTENT_POLICY),
    (400, '{"error": {"message": "The model x does not exist",}, }', Category.MODEL_NOT_FOUND),
    (407, "Proxy Authentication Required", Category.BLOCKED),
    (425, "Too Early", Category.SERVER_ERROR),
    (499, "client closed request", Category.SERVER_ERROR),
    (410, {"error": {"message": "The model x has been shut down"}}, Category.MODEL_NOT_FOUND),
    (400, {"Error": {"Message": "Rate exceeded", "Code": "Throttling"}}, Category.RATE_LIMIT),
    (400, {"ERROR": "invalid api key"}, Category.AUTHENTICATION),
    (400, {"error": {"message": "Too many requests"}}, Category.RATE_LIMIT),
    (400, {"error": {"message": "请求过于频繁"}}, Category.RATE_LIMIT),
    (400, {"error": {"message": "您的API Key无效"}}, Category.AUTHENTICATION),
    (400, {"error": {"message": "模型不存在"}}, Category.MODEL_NOT_FOUND),
    (400, {"error": {"message": "Invalid model name passed in model=x"}}, Category.MODEL_NOT_FOUND),
    (429, {"error": {"message": "You have reached your monthly spending cap"}}, Category.QUOTA_EXCEEDED),
    (400, {"error": {"message": "Your account is not active, please check your billing details"}}, Category.QUOTA_EXCEEDED),
    (400, {"error": {"message": "input length and `max_tokens` exceed context limit: 9 + 9 > 10"}}, Category.CONTEXT_LENGTH),
    (400, {"error": {"message": "Range of input length should be [1, 6000]"}}, Category.CONTEXT_LENGTH),
    (400, {"message": "This model's maximum prompt length is 131072 but the request contains 200000 tokens."}, Category.CONTEXT_LENGTH),
    (400, {"error": {"message": "requested 9000 tokens, model supports 8192"}}, Category.CONTEXT_LENGTH),
    (400, 'event: error\ndata: {"error": {"message": "invalid api key"}}\n\n', Category.AUTHENTICATION),
    (400, '[{"error": {"message": "invalid api key"}},]', Category.AUTHENTICATION),
    (403, {"error": {"message": "Method doesn't allow unregistered callers."}}, Category.AUTHENTICATION),
    (403, {"message": "The security token included in the request is invalid."}, Category.AUTHENTICATION),
    (400, {"error": "Invalid token"}, Category.AUTHENTICATION),
    (400, {"error": {"code": "1302", "message": "您当前使用该API的并发数过高"}}, Category.RATE_LIMIT),
    (420, {"message": "Enhance your calm"}, Category.RATE_LIMIT),
    (412, {"error": {"message": "Account suspended: unpaid invoices"}}, Category.QUOTA_EXCEEDED),
    (
        413,
        {"error": {"message": "Request too large for model x on TPM", "code": "rate_limit_exceeded"}},
        Category.CONTEXT_LENGTH,
    ),
    (
        429,
        {"error": {"message": "Request too large for gpt-x: Limit 10, Requested 12", "code": "tokens"}},
        Category.CONTEXT_LENGTH,
    ),
    (400, {"error": {"code": "moderation_blocked", "message": "x"}}, Category.CONTENT_POLICY),
    (400, {"error": {"code": "1301", "message": "系统检测到输入或生成内容可能包含不安全或敏感内容"}}, Category.CONTENT_POLICY),
    (400, {"error": {"message": "Content Exists Risk", "type": "invalid_request_error"}}, Category.CONTENT_POLICY),
    (403, {"error": {"message": "Request not allowed", "type": "forbidden"}}, Category.BLOCKED),
]


@pytest.mark.parametrize(("status", "body", "category"), BODIES, ids=[f"{s} {str(b)[:50]}" for s, b, _ in BODIES])
def test_every_shape_of_an_error_is_its_category(status: int, body: object, category: Category) -> None:
    """Google's, Anthropic's, Azure's, Cohere's, Ollama's, FastAPI's, AWS', gateways', pages and plain words."""
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    fault = errors.of_answer(status, {}, raw)
    assert fault.category is category
    assert fault.status is not None


NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
IN_A_MINUTE = NOW + timedelta(seconds=60)


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"retry-after": "7"}, {}, 7),
        ({"retry-after": "1.5"}, {}, 1.5),
        ({"retry-after": format_datetime(IN_A_MINUTE, usegmt=True)}, {}, 60),
        ({"retry-after": IN_A_MINUTE.isoformat()}, {}, 60),
        ({"retry-after": format_datetime(NOW - timedelta(days=1), usegmt=True)}, {}, 0),
        ({"retry-after": "1e400"}, {}, None),
        ({"retry-after": "soon\x00"}, {}, None),
        ({"retry-after": "-5"}, {}, None),
        ({"retry-after": "999999999"}, {}, 86_400),
        ({"retry-after-ms": "1500"}, {}, 1.5),
        ({"x-ms-retry-after-ms": "250"}, {}, 0.25),
        ({"x-ratelimit-reset": str(int(IN_A_MINUTE.timestamp() * 1000))}, {}, 60),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}, {}, 360),
        ({"x-ratelimit-remaining-requests": "5", "x-ratelimit-reset-requests": "6m0s"}, {}, None),
        ({"anthropic-ratelimit-tokens-remaining": "0", "anthropic-ratelimit-tokens-reset": "2026-11-25T12:01:00Z"}, {}, 60),
        ({}, {"error": {"message": "Please try again in 20s. Visit us."}}, 20),
        ({}, {"error": {"message": "Please try again in 1m30.5s."}}, 90.5),
        ({}, {"error": {"message": "Please retry after 250ms"}}, 0.25),
        ({}, {"error": {"message": "Rate limit is exceeded. Try again in 2 hours and 5 minutes."}}, 7500),
        ({}, {"error": {"details": [{"@type": "RetryInfo", "retryDelay": "17s"}]}}, 17),
        ({}, {"error": {"details": [{"retryDelay": {"seconds": 17}}]}}, 17),
        ({}, {"error": "loading", "estimated_time": 20.5}, 20.5),
        ({}, {"error": {"message": "x", "retry_after_ms": 100}}, 0.1),
        ({}, {"error": {"metadata": {"headers": {"Retry-After": "9"}}}}, 9),
        ({}, {"error": {"availability": {"retry_after": 11}}}, 11),
        ({}, {"error": {"resets_at": IN_A_MINUTE.timestamp()}}, 60),
        ({}, {"error": {"message": "gpt-5 is busy since 2024"}}, None),
        ({}, {"error": {"retry_after": "NaN"}}, None),
        ({"retry-after": '"30"'}, {}, 30),
        ({"retry-after": "30, 30"}, {}, 30),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "17"}, {}, 17),
        ({"retry-after": "60 seconds"}, {}, 60),
        ({"retry-after": "1 minute"}, {}, 60),
        ({"retry-after": "60;x=1"}, {}, 60),
        ({"retry-after": "PT1M"}, {}, 60),
        ({"retry-after": "00:01:00"}, {}, 60),
        ({"retry-after": str(int(IN_A_MINUTE.timestamp()))}, {}, 60),
        ({"retry-after": "Wednesday, 25-Nov-26 12:01:00 GMT"}, {}, 60),
        ({"retry-after": "Wed Nov 25 12:01:00 2026"}, {}, 60),
        ({"retry-after": "Wed, 25 Nov 2026 14:01:00 +0200"}, {}, 60),
        ({"retry-after": "٦٠"}, {}, None),
        ({"retry-after": "1_0"}, {}, None),
        ({"retry-after": "Wed, 99 Nov 2026 12:01:00 GMT"}, {}, None),
        ({"x-ratelimit-reset-after": "60"}, {}, 60),
        ({"x-rate-limit-reset": "60"}, {}, 60),
        ({"ratelimit": "limit=10, remaining=0, reset=60"}, {}, 60),
        ({"ratelimit": '"default";r=0;t=60'}, {}, 60),
        ({"ratelimit": '"default";r=5;t=60'}, {}, None),
        ({"x-ratelimit-remaining-tokens": "-1", "x-ratelimit-reset-tokens": "60s"}, {}, 60),
        ({"anthropic-ratelimit-input-tokens-remaining": "0", "anthropic-ratelimit-input-tokens-reset": "2026-11-25T12:01:00Z"}, {}, 60),
        ({}, {"error": {"message": "Too Many Requests: retry after 60"}}, 60),
        ({}, {"error": {"message": "Rate limited, retry in 00:01:00"}}, 60),
        ({}, {"error": {"message": "The limit resets at 2026-11-25T12:01:00Z"}}, 60),
        ({}, {"error": {"message": "请在60秒后重试"}}, 60),
        ({}, {"error": {"message": "Bitte in 60 Sekunden erneut versuchen"}}, 60),
        ({}, {"error": {"message": "Do not retry after 3 attempts"}}, None),
    ],
)
def test_every_way_to_say_when_to_come_back(
    headers: dict[str, str], body: object, seconds: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seconds, milliseconds, durations, moments, dates and sentences; bounded, never in the past."""
    monkeypatch.setattr(clock, "now", lambda: NOW)
    found = errors.of_answer(429, headers, json.dumps(body).encode()).retry_after
    assert found == (None if seconds is None else pytest.approx(seconds, abs=0.01))


@given(st.text(max_size=300))
def test_any_words_can_be_a_hint(words: str) -> None:
    """None, or within a day."""
    for found in (hints.of_words(words), hints.bounded(hints.of_value(words)), hints.of_headers({"retry-after": words})):
        assert found is None or 0 <= found <= 86_400


KEY = "sk-or-v1-9f8e7d6c5b4a39281706f5e4d3c2b1a0"
FORMS = {
    "as it is": KEY,
    "with a header's name": f"Bearer {KEY}",
    "in capitals": KEY.upper(),
    "url-encoded": quote(KEY.replace("-", "%2D"), safe="%"),
    "percent for each letter": "".join(f"%{ord(c):02X}" for c in KEY),
    "base64": base64.b64encode(KEY.encode()).decode(),
    "base64 of the header": base64.b64encode(f"Bearer {KEY}".encode()).decode(),
    "base64 of user and key": base64.b64encode(f"u:{KEY}".encode()).decode(),
    "base64 for addresses": base64.urlsafe_b64encode(f"{KEY}?".encode()).decode(),
    "over two lines": f"{KEY[:17]}\n{KEY[17:]}",
    "over many lines": "\r\n  ".join(KEY[i : i + 8] for i in range(0, len(KEY), 8)),
    "with an escaped line break": f"{KEY[:20]}\\n{KEY[20:]}",
    "with a zero-width space": f"{KEY[:20]}\u200b{KEY[20:]}",
    "letters apart": " ".join(KEY),
    "backwards": KEY[::-1],
    "hexadecimal": KEY.encode().hex(),
    "escaped": "".join(f"\\u{ord(c):04x}" for c in KEY),
    "HTML's numbers": "".join(f"&#{ord(c)};" for c in KEY),
    "with plus for minus": KEY.replace("-", "+"),
    "with dashes": KEY.replace("-", "\u2011"),
    "in full width": "".join(chr(ord(c) + 0xFEE0) for c in KEY),
    "in tags": "".join(chr(0xE0000 + ord(c)) for c in KEY),
    "in bold": f"{KEY[:20]}**{KEY[20:]}",
    "in two strings": f'{KEY[:20]}" + "{KEY[20:]}',
    "commas between": ",".join(KEY),
    "marks above": "\u0301".join(KEY),
    "bytes with colons": KEY.encode().hex(":"),
    "a list of bytes": ", ".join(str(byte) for byte in KEY.encode()),
    "octal": "".join(f"\\{byte:03o}" for byte in KEY.encode()),
    "HTML's hexadecimal": "".join(f"&#x{byte:04X};" for byte in KEY.encode()),
    "braces": "".join(f"\\u{{{byte:x}}}" for byte in KEY.encode()),
    "its first half": KEY[:24],
    "its last half": KEY[16:],
    "rot13": codecs.encode(KEY, "rot13"),
    "base32": base64.b32encode(KEY.encode()).decode(),
    "base32 of the header": base64.b32encode(f"Bearer {KEY}".encode()).decode().lower().rstrip("="),
    "base85": base64.b85encode(KEY.encode()).decode(),
    "ASCII85": base64.a85encode(f"Bearer {KEY}".encode()).decode(),
    "base64 twice": base64.b64encode(base64.b64encode(KEY.encode())).decode(),
    "base64 twice, of the header": base64.b64encode(base64.b64encode(f"Bearer {KEY}".encode())).decode().rstrip("="),
    "in percent twice": "".join(f"%25{byte:02X}" for byte in KEY.encode()),
    "rot47": "".join(chr(33 + (ord(c) - 33 + 47) % 94) for c in KEY),
    "base32 of another alphabet": base64.b32hexencode(KEY.encode()).decode(),
    "uuencoded": codecs.encode(KEY.encode(), "uu").decode().splitlines()[1],
    "two bytes a letter, in hexadecimal": KEY.encode("utf-16-le").hex(),
    "two bytes a letter, in base64": base64.b64encode(KEY.encode("utf-16-le")).decode(),
    "base64 backwards": base64.b64encode(KEY.encode()).decode()[::-1],
    "hexadecimal of base64": base64.b64encode(KEY.encode()).hex(),
    "base64 of hexadecimal": base64.b64encode(KEY.encode().hex().encode()).decode(),
    "octal without noughts": "".join(f"\\{byte:o}" for byte in KEY.encode()),
    "in bits": " ".join(f"{byte:08b}" for byte in KEY.encode()),
    "base64 over lines": "\n".join(base64.b64encode(KEY.encode()).decode()[i : i + 20] for i in range(0, 60, 20)),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_key_is_left_out_in_every_form(form: str) -> None:
    """What stands around it stays."""
    told = Redactor(KEY)(f"Incorrect API key provided: {form} (see your account)")
    assert form not in told
    assert "[key]" in told
    assert told.startswith("Incorrect API key provided: ")
    assert told.endswith("(see your account)")


@given(st.text(max_size=60), st.text(max_size=60))
def test_text_without_a_key_is_not_touched_and_one_with_it_never_holds_it(before: str, after: str) -> None:
    """Whatever stands around it."""
    redact = Redactor(KEY)
    assert redact(before) == before
    assert KEY not in redact(before + KEY + after)


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://other.example/v1?key=secret", "https://other.example/v1"),
        ("/login", "https://api.example/login"),
        ("http://user:secret@[::1]:99/x", "http://[::1]:99/x"),
        ("//elsewhere.example", "https://elsewhere.example"),
        ("http://[broken", "[broken"),
        ("", "without saying where"),
    ],
)
def test_a_redirect_is_a_wrong_address_with_its_target(location: str, shown: str) -> None:
    """For whoever runs the bot; without user, password and query."""
    fault = address.redirected("https://api.example/v1/chat/completions", 301, {"location": location} if location else {})
    assert fault.category is Category.WRONG_ADDRESS
    assert "The address of the provider is not right" in fault.technical_details
    assert shown in fault.technical_details
    assert "secret" not in fault.technical_details
    assert "example" not in fault.user_message + fault.said
