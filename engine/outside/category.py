"""The categories of what can go wrong with a turn, and how an error that a provider reports is sorted into one of them. Pure."""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType


class Category(StrEnum):
    """Stored by value; a value never changes."""

    AUTHENTICATION = "authentication"
    QUOTA_EXCEEDED = "quota_exceeded"
    FREE_LIMIT = "free_limit"
    RATE_LIMIT = "rate_limit"
    CONTENT_POLICY = "content_policy"
    BAD_REQUEST = "bad_request"
    CONTEXT_LENGTH = "context_length"
    MODEL_NOT_FOUND = "model_not_found"
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    NETWORK = "network"
    BAD_RESPONSE = "bad_response"
    EMPTY_RESPONSE = "empty_response"
    CENSORED = "censored"
    BUDGET = "budget"
    NOT_ALLOWED = "not_allowed"
    WRONG_ADDRESS = "wrong_address"
    BLOCKED = "blocked"
    CHARACTER_GONE = "character_gone"
    INTERNAL = "internal"
    UNKNOWN = "unknown"


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TYPES: Mapping[Category, frozenset[str]] = MappingProxyType(
    {
        Category.CONTEXT_LENGTH: _names(
            "context_length_exceeded max_tokens_exceeded token_limit_exceeded string_too_long payload_too_large request_too_large"
            " string_above_max_length context_window_exceeded request_entity_too_large model_context_window_exceeded"
        ),
        Category.AUTHENTICATION: _names(
            "authentication authentication_error invalid_api_key api_key_invalid unauthenticated unauthorized invalid_authentication"
            " access_denied_exception unrecognized_client_exception expired_token_exception api_key_service_blocked invalid_x_api_key"
            " service_disabled consumer_invalid"
            " account_deactivated incorrect_api_key missing_api_key api_key_expired no_api_key invalid_key"
        ),
        Category.CONTENT_POLICY: _names(
            "content_policy_violation refusal content_filter responsible_aipolicy_violation responsible_ai_policy_violation moderation"
            " safety prohibited_content content_blocked content_policy data_inspection_failed moderation_blocked sensitive_content"
        ),
        Category.MODEL_NOT_FOUND: _names(
            "not_found not_found_error model_not_found deployment_not_found model_not_available unknown_model resource_not_found_exception"
            " model_not_found_error model_not_exist no_such_model not_found_exception invalid_model"
        ),
        Category.SERVER_ERROR: _names(
            "provider_overloaded provider_unavailable server server_error overloaded_error overloaded api_error internal internal_error"
            " internal_server_error internal_server_exception unavailable service_unavailable service_unavailable_exception"
            " engine_overloaded engine_overloaded_error model_not_ready_exception model_error_exception model_overloaded bad_gateway"
            " service_unavailable_error upstream_error aborted data_loss capacity_exceeded"
        ),
        Category.BLOCKED: _names(
            "unsupported_country_region_territory unsupported_country country_not_supported region_not_supported location_not_supported"
            " unsupported_region geo_blocked ip_blocked ip_not_allowed ip_not_authorized"
        ),
        Category.TIMEOUT: _names("timeout timeout_error deadline_exceeded gateway_timeout model_timeout_exception request_timeout"),
        Category.BAD_REQUEST: _names(
            "invalid_request invalid_prompt unprocessable precondition_failed invalid_request_error invalid_argument validation_exception"
            " validation_error bad_request bad_request_error failed_precondition unsupported_value unsupported_parameter out_of_range"
            " unprocessable_entity"
        ),
    }
)
_BY_TYPE: Mapping[str, Category] = MappingProxyType({name: category for category, names in _TYPES.items() for name in names})
"""Codes and types that providers give errors, OpenRouter's `metadata.error_type` among them, in the form `_normal` makes of them."""
_MONEY_TYPES = _names(
    "payment_required insufficient_quota billing_hard_limit_reached billing_error insufficient_balance credits_exhausted out_of_credits"
    " insufficient_credits billing_not_active insufficient_funds usage_limit_reached arrearage budget_exceeded"
)
_LIMIT_TYPES = _MONEY_TYPES | _names(
    "rate_limit_exceeded rate_limit_error rate_limited rate_limit quota_exceeded resource_exhausted throttling_exception throttling"
    " too_many_requests too_many_requests_exception tokens requests service_quota_exceeded_exception request_limit_exceeded"
    " tokens_limit_reached usage_limit_exceeded"
)
"""Those about money and rates: which of the three kinds it is, the words say as well."""
_PERMISSION_TYPES = _names("permission_denied permission_error forbidden access_denied permission_denied_error")

_BY_STATUS: Mapping[int, Category] = MappingProxyType(
    {
        400: Category.BAD_REQUEST,
        401: Category.AUTHENTICATION,
        402: Category.QUOTA_EXCEEDED,
        403: Category.CONTENT_POLICY,
        404: Category.MODEL_NOT_FOUND,
        407: Category.BLOCKED,
        410: Category.MODEL_NOT_FOUND,
        420: Category.RATE_LIMIT,
        425: Category.SERVER_ERROR,
        499: Category.SERVER_ERROR,
        408: Category.TIMEOUT,
        409: Category.SERVER_ERROR,
        413: Category.CONTEXT_LENGTH,
        422: Category.BAD_REQUEST,
        429: Category.RATE_LIMIT,
        451: Category.BLOCKED,
        501: Category.BAD_REQUEST,
        511: Category.BLOCKED,
    }
)


def _any_case(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_CONTEXT = _any_case(
    r"range of input length|tokens, model supports"
    r"|context[ _-]?(length|window|size|limit)|maximum (context|prompt)|too many (input )?tokens|prompt (is )?too long|reduce the length"
    r"|input (is )?too long|exceeds? the (maximum|max|available)[^.]{0,40}(tokens?|context|length)"
    r"|(token count|tokens?)[^.]{0,40}exceeds? the (max|limit)|tokens[^.]{0,60}must be (<=?|less|at most|under)"
    r"|prompt length[^.]{0,40}(greater|longer|larger) than|tokens? \d{1,9} ?> ?\d|(上下文|输入)[^。]{0,8}(过长|超出|超过)"
)
_TOO_LARGE = "request too large for "
_NO_MODEL = _any_case(
    r"not a valid model|invalid model\b|模型不存在|no models? (is |are )?(currently )?loaded"
    r"|model[^.]{0,60}(not found|does not exist|not exist|not available|decommissioned|deprecated|shut down|retired)"
    r"|model[^.]{0,60}no longer (available|supported)"
    r"|model [^ .]{1,80} (is |has been )?(disabled|removed|discontinued)|could not find (the )?model"
    r"|not available (on|in|for) your (plan|tier)"
    r"|no endpoints found|no such model|unknown model|try pulling it|models/[^ ]{1,80} is not found|deployment[^.]{0,40}does not exist"
)
_POLICY = _any_case(
    r"moderation|content[ _-]?(policy|filter|management|exists risk)|flagged|inappropriate content"
    r"|(敏感|不安全|违规)[^。]{0,8}(内容|信息|词)|内容[^。]{0,8}(敏感|违规)"
    r"|safety (system|policy|setting|reasons)|usage polic(y|ies)|responsible ai"
)
_CLOSED = _any_case(
    r"\b(country|region|location|territory|jurisdiction)\b[^.]{0,60}"
    r"(not (currently )?(supported|available|allowed|served)|unsupported|unavailable|restricted|blocked|prohibited)"
    r"|(not|n't) (currently )?(available|supported|offered|accessible|provided) in (your|this) (country|region|location|area|territory)"
    r"|unsupported (country|region|location)|due to (your )?(region|location|country)"
    r"|\bip\b( address)?[^.]{0,60}(not allowed|not authorized|not in|blocked|banned|denied|not whitelisted|not allowlisted)"
    r"|\A(request not allowed|(access )?(forbidden|denied))\W*\Z"
    r"|(you have|has) been blocked|attention required|just a moment|enable javascript|cloudflare|firewall|captcha|403 forbidden\W*\Z"
)
"""Nothing is let through from where we are: a region that is not served, an address that is not listed, a firewall."""
_NO_ACCESS = _any_case(
    r"(no|not|n't)( have)? (access|permission)[^.]{0,40}\bmodel"
    r"|\bmodel\b[^.]{0,80}(no|not|n't) (have |allowed |permitted |authorized )?(to )?access"
    r"|(not|n't) (authorized|allowed|permitted|entitled) to (use|access)[^.]{0,40}\bmodel"
    r"|model[^.]{0,60}not available (on|in|for) your (plan|tier|account)"
)
_FREE = _any_case(r"free[- ]models?[- ]per[- ]day|free[^.]{0,40}(daily|per day)|daily[^.]{0,40}free")
_SPENT = _any_case(
    r"key limit|insufficient[ _](credits?|quota|balance|funds)|spending limit|credit balance|exceeded your current quota|out of credits?"
    r"|billing (hard )?limit|payment required|no credits?|credits? (is|are) (exhausted|used up)"
    r"|balance is (too low|not enough)|arrears?\b|arrearage"
    r"|spending cap|account is not active|exceeded (their|your|its|the) budget|欠费|余额不足"
    r"|(not|n't) (have )?enough (funds|credits?|balance)|额度(已)?(用尽|不足)"
    r"|unpaid (invoice|bill)|(account|key) (is |has been )?suspended[^.]{0,40}(invoice|payment|balance|billing|unpaid)"
)
_BAD_KEY = _any_case(
    r"(invalid|incorrect|missing|no|expired|wrong|unknown)[^.]{0,20}(api[ _-]?key|credentials|auth)"
    r"|(api[ _-]?key|credentials|access token|x-api-key)[^.]{0,30}"
    r"(not valid|invalid|incorrect|expired|missing|not found|required|revoked|disabled|not provided|wrong)"
    r"|(api[ _-]?key|密钥|令牌) {0,3}无效|无效的 {0,3}(api[ _-]?key|密钥|令牌)|login fail|carry the api"
    r"|unauthori[sz]ed|unregistered callers"
    r"|(invalid|bad) token\W*\Z|token[^.]{0,40} is invalid|authentication (failed|required|error)|didn't provide an api key"
)
_SHUT = _any_case(r"(account|project|organi[sz]ation|user|key) (is |was |has been )?(suspended|deactivated|disabled|banned|terminated)\b")
_BUSY = _any_case(
    r"overloaded|at capacity|service unavailable|temporarily unavailable|internal (server )?error|is (currently )?loading"
    r"|server error|bad gateway|upstream (error|connect)|currently unavailable|high demand|server had an error|try again later"
    r"|out of memory|disconnected|\b(is|are) (\w{1,12} )?busy|capacity (is )?(temporarily )?exceeded"
)
_LATE = _any_case(r"timed? ?out|deadline exceeded|took too long")
_FAST = _any_case(
    r"请求过于频繁|并发数过高|rate[ _-]?limit|too many requests|quota exceeded|resource (has been )?exhausted"
    r"|requests per (minute|second|day)|throttl"
)
_WORDS = 4000
"""Characters of a message that are looked at."""
_SEAM = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")


def classify(status: int | None, message: str = "", *types: str, page: bool = False) -> Category:
    """The one category of an error that a provider reported, from its status (or the code in the body), its words and its types.

    `page`: it was no report but a page for people, or bare words, as something between us and the provider answers.
    """
    message, kinds = message[:_WORDS], [_normal(kind) for kind in types if kind]
    named = _of_types(kinds)
    if message.lower().startswith(_TOO_LARGE):
        return Category.CONTEXT_LENGTH  # told as a rate's limit, which waiting does not help
    if status in {402, 429} or not _LIMIT_TYPES.isdisjoint(kinds):
        return _of_limits(status, message, kinds)
    if status in {401, 403} or not _PERMISSION_TYPES.isdisjoint(kinds):
        return _of_permissions(status, message, named, page=page)
    if named not in (None, Category.BAD_REQUEST):
        return named
    if status is None:
        return _without_status(message, named)
    if status in {400, 404, 410, 413, 422}:
        return _of_words(message) or _BY_STATUS[status]
    if status in {501, 511}:
        return _of_words(message) or _BY_STATUS[status]  # not done there at all: asking again is no use
    if status >= 500:
        return Category.CONTEXT_LENGTH if _CONTEXT.search(message) else Category.SERVER_ERROR
    return _BY_STATUS.get(status) or _of_words(message) or Category.BAD_REQUEST if status >= 400 else _without_status(message, named)


def _normal(kind: str) -> str:
    """`DeploymentNotFound`, `RESOURCE_EXHAUSTED`, `com.amazon#ThrottlingException` -> deployment_not_found, resource_exhausted, ..."""
    return "_".join(part for part in _SEAM.split(kind[-120:].rsplit("#", 1)[-1]) if part).lower()


def _of_types(kinds: Sequence[str]) -> Category | None:
    """The first that says something particular; that the request is bad says least."""
    found = [_BY_TYPE[kind] for kind in kinds if kind in _BY_TYPE]
    return next((category for category in found if category is not Category.BAD_REQUEST), found[0] if found else None)


def _of_limits(status: int | None, message: str, kinds: Sequence[str]) -> Category:
    if _FREE.search(message):
        return Category.FREE_LIMIT
    if status == 402 or not _MONEY_TYPES.isdisjoint(kinds) or _SPENT.search(message):
        return Category.QUOTA_EXCEEDED
    return Category.RATE_LIMIT


def _of_permissions(status: int | None, message: str, named: Category | None, *, page: bool) -> Category:
    if named is Category.AUTHENTICATION or status == 401 or _BAD_KEY.search(message):
        return Category.AUTHENTICATION
    if _SPENT.search(message):
        return Category.QUOTA_EXCEEDED
    if _SHUT.search(message):
        return Category.AUTHENTICATION
    if named is Category.MODEL_NOT_FOUND or _NO_ACCESS.search(message):
        return Category.MODEL_NOT_FOUND
    if named is Category.BLOCKED or _CLOSED.search(message) or (page and not _POLICY.search(message)):
        return Category.BLOCKED
    return Category.CONTENT_POLICY


def _without_status(message: str, named: Category | None) -> Category:
    """For an error without a number only its words are left, and a type that says no more than that something was wrong."""
    limited = _FAST.search(message) or _SPENT.search(message) or _FREE.search(message)
    found = _of_limits(None, message, ()) if limited else _of_words(message)
    if found is None and _LATE.search(message):
        found = Category.TIMEOUT
    if found is None and _BUSY.search(message):
        found = Category.SERVER_ERROR
    return found or named or Category.UNKNOWN


def _of_words(message: str) -> Category | None:
    told = (
        (_CONTEXT, Category.CONTEXT_LENGTH),
        (_BAD_KEY, Category.AUTHENTICATION),
        (_SPENT, Category.QUOTA_EXCEEDED),
        (_SHUT, Category.AUTHENTICATION),
        (_NO_MODEL, Category.MODEL_NOT_FOUND),
        (_CLOSED, Category.BLOCKED),
        (_POLICY, Category.CONTENT_POLICY),
        (_FAST, Category.RATE_LIMIT),
    )
    return next((category for pattern, category in told if pattern.search(message)), None)
