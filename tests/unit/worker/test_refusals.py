"""What a refusal says should have been left out, named otherwise, or put into another form."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decide.spending import model_quirk
from engine.decide.spending.turn_model import Quirks, resolve
from engine.decide.spending.turn_request import effective
from engine.events.preset import Parameters
from engine.fault import Category, Fault
from projections.prompt import form
from projections.prompt.message import Image, Message, Text
from tests.support.examples import examples
from worker.providers import errors
from worker.providers.refusals import remedy

SENT: dict[str, Any] = dict.fromkeys(
    ["temperature", "top_p", "top_k", "stop", "seed", "max_tokens", "frequency_penalty", "presence_penalty", "logit_bias", "reasoning"], 1
) | {"stream": True, "stream_options": {}, "model": "m", "messages": []}


def asked(body: object, status: int = 400) -> Any:
    fault = errors.fault_of(status, errors.read(body), {})
    return remedy(fault, SENT)


PARAMETERS: list[tuple[object, Quirks]] = [
    (
        {
            "error": {
                "message": "Unsupported value: 'temperature' does not support 0.7 with this model. Only the default (1) value is"
                " supported.",
                "param": "temperature",
                "code": "unsupported_value",
            }
        },
        Quirks(("temperature",)),
    ),
    (
        {
            "error": {
                "message": "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
                "param": "max_tokens",
            }
        },
        Quirks(renamed={"max_tokens": "max_completion_tokens"}),
    ),
    ({"error": {"message": "Unrecognized request argument supplied: logit_bias"}}, Quirks(("logit_bias",))),
    ({"error": {"message": "property 'seed' is unsupported"}}, Quirks(("seed",))),
    (
        [{"error": {"code": 400, "message": 'Invalid JSON payload received. Unknown name "presence_penalty": Cannot find field.'}}],
        Quirks(("presence_penalty",)),
    ),
    ({"detail": [{"type": "extra_forbidden", "loc": ["body", "top_k"], "msg": "Extra inputs are not permitted"}]}, Quirks(("top_k",))),
    ({"error": "`temperature` and `top_p` cannot both be specified for this model."}, Quirks(("top_p",))),
    ({"message": "Argument not supported on this model: presencePenalty"}, Quirks(("presence_penalty",))),
    ({"error": {"message": "The stop parameter is not supported"}}, Quirks(("stop",))),
    ({"error": {"message": "This model does not support parameters: frequency_penalty, stop"}}, Quirks(("frequency_penalty", "stop"))),
    ({"error": {"message": "stream_options is not allowed"}}, Quirks(("stream_options",))),
    ({"error": {"message": "reasoning is not supported by this model", "param": "reasoning.effort"}}, Quirks(("reasoning",))),
    ({"error": {"message": "Unsupported parameters: top_p. Supported parameters are: temperature, seed, stop"}}, Quirks(("top_p",))),
    ({"error": {"message": "Additional properties are not allowed ('top_k' was unexpected)"}}, Quirks(("top_k",))),
    ({"error": {"message": "temperature is deprecated for this model"}}, Quirks(("temperature",))),
    ({"error": {"message": "Penalty is not enabled for models/gemini-2.5-pro"}}, Quirks(("frequency_penalty", "presence_penalty"))),
    ({"error": {"message": "`temperature` may only be set to 1 when thinking is enabled."}}, Quirks(("temperature",))),
    ({"error": {"message": "Your organization must be verified to stream this model."}}, Quirks(("stream",))),
    ({"error": {"message": "`top_k` must be unset when thinking is enabled."}}, Quirks(("top_k",))),
    ({"error": {"message": "Argument not supported on this model: stop"}}, Quirks(("stop",))),
    ({"error": "Argument not supported on this model: reasoningEffort"}, Quirks(("reasoning",))),
    ({"error": {"message": "Reasoning is mandatory for this endpoint and cannot be disabled."}}, Quirks(("reasoning",))),
    ({"error": {"message": "Thinking mode is not supported by this model"}}, Quirks(("reasoning",))),
    ({"error": {"message": "'stream_options' is only supported when stream is true"}}, Quirks(("stream_options",))),
    ({"error": {"message": "Streaming is not supported for this model"}}, Quirks(("stream",))),
    ({"error": {"message": "Your organization must be verified to stream this model.", "param": "stream"}}, Quirks(("stream",))),
    ({"error": {"message": "不支持参数 logit_bias"}}, Quirks(("logit_bias",))),
    ({"error": {"message": "Le paramètre 'top_k' n'est pas pris en charge"}}, Quirks(("top_k",))),
    ({"error": {"message": "temperature is not supported. Use top_p instead."}}, Quirks(("temperature",))),
    ({"errors": {"top_k": ["Unknown field."]}}, Quirks(("top_k",))),
    ({"title": "Validation error", "invalid-params": [{"name": "top_k", "reason": "unknown property"}]}, Quirks(("top_k",))),
    ({"error": {"message": "1 validation error for Request\nseed\n  Extra inputs are not permitted"}}, Quirks(("seed",))),
    (
        {"error": {"details": [{"fieldViolations": [{"field": "generation_config.top_k", "description": "top_k is not supported"}]}]}},
        Quirks(("top_k",)),
    ),
    ({"error": {"message": "This model does not allow specifying temperature"}}, Quirks(("temperature",))),
    ({"error": {"message": "'top_k' is not a recognized argument"}}, Quirks(("top_k",))),
    ({"error": {"message": "only temperature=1 is supported"}}, Quirks(("temperature",))),
    ({"error": {"message": "Bad parameter: top_k"}}, Quirks(("top_k",))),
    ({"error": {"message": "parâmetro temperature não suportado"}}, Quirks(("temperature",))),
    ({"error": {"message": "Параметр temperature не поддерживается"}}, Quirks(("temperature",))),
    ({"error": {"message": "パラメータ temperature はサポートされていません"}}, Quirks(("temperature",))),
    ({"error": {"message": "temperature parametresi desteklenmiyor"}}, Quirks(("temperature",))),
]


@pytest.mark.parametrize(("body", "expected"), PARAMETERS, ids=[str(body)[:70] for body, _ in PARAMETERS])
def test_a_refused_parameter_is_found(body: object, expected: Quirks) -> None:
    """In the words and fields of many providers; what is offered instead is left alone."""
    found = asked(body)
    assert found is not None
    assert (found.quirks, found.lasting) == (expected, True)


@pytest.mark.parametrize(
    "message",
    [
        "temperature must be between 0 and 1",
        "max_tokens: 65536 > 8192, which is the maximum",
        "Invalid 'top_p': must be less than 1",
        "it has a frequencyPenalty value of 2.5 but the supported range is from -2.0 to 2.0",
        "temperature: range: 0..1",
        "Range of top_p should be (0.0, 1.0]",
        "API 调用参数有误，请检查文档。top_p",
        "json: cannot unmarshal number into Go struct field ChatCompletionRequest.stop of type []string",
        "required properties at '/' are 'prompt', Type mismatch of '/top_k', 'string' not in 'integer'",
    ],
)
def test_a_wrong_value_is_left_out_and_not_remembered(message: str) -> None:
    """The parameter itself is welcome."""
    found = asked({"error": {"message": message}})
    assert found is not None
    assert len(found.quirks.forbidden) == 1
    assert not found.lasting


FORMS = [
    ("Los roles deben alternarse", ("alternate",)),
    ("Les rôles doivent alterner", ("alternate",)),
    ("Rollen müssen sich abwechseln (user/assistant)", ("alternate",)),
    ("system messages are disabled for this model", ("no_system",)),
    ("messages with role system must come first", ("system_first",)),
    ("assistant message cannot be the final message", ("user_last",)),
    ("Conversation roles must alternate user/assistant/user/assistant/...", ("alternate",)),
    ('messages: roles must alternate between "user" and "assistant", but found multiple "user" roles in a row', ("alternate",)),
    ("After the optional system message, conversation roles must alternate user/assistant/user/assistant/...", ("alternate", "user_first")),
    ("Two consecutive user messages are not allowed", ("alternate",)),
    ("System role not supported", ("no_system",)),
    ("Developer instruction is not enabled for models/gemma-3-27b-it", ("no_system",)),
    ("This model does not support system messages", ("no_system",)),
    ("System message must be at the beginning.", ("system_first",)),
    ("Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant", ("user_last",)),
    ("The final message must come from the user: the last message must have role user", ("user_last",)),
    ('first message must use the "user" role', ("user_first",)),
    ("A conversation must start with a user message", ("user_first",)),
    ("Please use a valid role: user, model.", ("no_system",)),
    ("Unexpected role 'system' after role 'user'", ("system_first",)),
    ("multiple system messages are not supported", ("system_first",)),
    ("Unexpected role 'user' after role 'user'", ("alternate",)),
    ("the role 'assistant' cannot follow 'assistant'", ("alternate",)),
    ("Only user, assistant and tool roles are supported, got system.", ("no_system",)),
    ("messages.0.role: Input should be 'user', 'assistant' or 'tool'", ("no_system",)),
    ("invalid message role: system", ("no_system",)),
    ("the message order is invalid: user and assistant must appear in pairs", ("alternate",)),
    ("Roles must follow the pattern user, assistant, user, ...", ("alternate",)),
    ("chat_history must alternate", ("alternate",)),
    ("messages[1].role is same as messages[2].role", ("alternate",)),
    ("The messages parameter is illegal: roles repeated", ("alternate",)),
    ("user message should be followed by assistant message", ("alternate",)),
    ("messages 参数非法。角色必须交替", ("alternate",)),
    ("messages with role 'system' must be the first message", ("system_first",)),
    ("Messages with role 'user' cannot be adjacent", ("alternate",)),
    ("last message must not be an assistant message", ("user_last",)),
    ("Cannot set `add_generation_prompt` to True when the last message is from the assistant.", ("user_last",)),
    ("No user query found in messages.", ("user_first",)),
]


@pytest.mark.parametrize(("message", "forms"), FORMS, ids=[message[:40] for message, _ in FORMS])
@pytest.mark.parametrize("status", [400, 422, 500])
def test_a_strict_template_is_understood(message: str, forms: tuple[str, ...], status: int) -> None:
    """Also where it is told as the server's own error."""
    found = asked({"error": {"message": message, "type": "invalid_request_error"}}, status)
    assert found is not None
    assert found.quirks == Quirks(messages=forms)


@pytest.mark.parametrize(
    "message",
    [
        "boom",
        "Provider returned error",
        "Please stop",
        "internal stream error",
        "the model is overloaded",
        "",
        "Rate limit for user",
        "seed",
        "parameter.enable_thinking must be set to false for non-streaming calls",
        "logprobs is not supported",
        "range",
        "The penalty for late answers",
    ],
)
def test_other_errors_are_no_refusals(message: str) -> None:
    """Words that happen to be a parameter's name among them."""
    assert asked({"error": {"message": message}}) is None


@examples(50)
@given(st.text(max_size=200), st.lists(st.text(max_size=20), max_size=3), st.sampled_from(list(Category)))
def test_no_words_break_the_reader(message: str, params: list[str], category: Category) -> None:
    """And nothing that was not sent is left out."""
    found = remedy(Fault(category, 400, message, params=tuple(params)), SENT)
    if found is not None:
        assert set(found.quirks.forbidden) <= SENT.keys() - {"model", "messages"}


@pytest.mark.parametrize(
    "model",
    [
        "gpt-5-mini",
        "gpt-5",
        "gpt-5-mini-2025-08-07",
        "openai/gpt-5-mini",
        "openai/gpt-5-mini:free",
        "o3",
        "o4-mini-2025-04-16",
        "openai/o1",
        "gpt-5.1",
    ],
)
def test_reasoning_models_are_known_under_every_id(model: str) -> None:
    """Direct, dated and by a router: none is sent a temperature."""
    assert "temperature" in resolve(model).forbidden
    direct = effective(Parameters(temperature=0.5, max_tokens=500), resolve(model))
    name = "max_tokens" if "/" in model else "max_completion_tokens"
    assert direct.body == {name: 500}
    assert direct.max_tokens == 500


@pytest.mark.parametrize("model", ["gpt-4o", "openai/gpt-4o-mini", "gpt-5-chat-latest", "mistralai/o-model", "foo/gpt-50", "qwen/qwen3"])
def test_others_are_not_taken_for_them(model: str) -> None:
    """A temperature reaches those that take one."""
    assert "temperature" not in resolve(model).forbidden


@pytest.mark.parametrize("model", ["claude-sonnet-4-20250514", "anthropic/claude-opus-4", "eu.anthropic.claude-3-7-sonnet-v1:0"])
def test_claude_is_claude_under_every_id(model: str) -> None:
    """Its window and what it rejects."""
    assert (resolve(model).context_tokens, "seed" in resolve(model).forbidden) == (200_000, True)


ROLES = st.sampled_from(["system", "user", "assistant"])
PARTS = st.lists(st.text(max_size=5).map(Text) | st.just(Image("data:,")), min_size=1, max_size=2).map(tuple)
MESSAGES = st.lists(st.builds(Message, ROLES, PARTS), min_size=1, max_size=8)


@examples(60)
@given(MESSAGES, st.sets(st.sampled_from(list(form.FORMS))))
def test_a_form_loses_no_word_and_is_kept(messages: list[Message], forms: set[str]) -> None:
    """All that was said is said, in its order; and to bring it into the same form again changes nothing."""
    shaped = form.shaped(messages, sorted(forms))
    said = "".join(part.text for message in shaped for part in message.parts if isinstance(part, Text))
    for filler in (form.BEGIN, form.GO_ON):
        said = said.replace(filler.content, "")
    assert said.replace("\n", "") == "".join(p.text for m in messages for p in m.parts if isinstance(p, Text)).replace("\n", "")
    assert form.shaped(shaped, sorted(forms)) == shaped
    roles = [message.role for message in shaped]
    if "alternate" in forms:
        assert all(one != other for one, other in pairwise(roles))
    if "no_system" in forms:
        assert "system" not in roles
    if "system_first" in forms:
        assert "system" not in roles[1:]
    if "user_last" in forms:
        assert roles[-1] in {"user", "tool"}
    if "user_first" in forms:
        assert next((role for role in roles if role != "system"), "user") == "user"


def test_the_forms_that_can_be_noted_are_those_there_are() -> None:
    """The rules know their names, the prompt knows what they do."""
    assert set(model_quirk.FORMS) == set(form.FORMS)


SEEN = SENT | {"messages": [Message("user", (Text("Look"), Image("data:image/png;base64,AA=="))).as_json()]}


@pytest.mark.parametrize(
    ("said", "pictures"),
    [
        ("This model does not support image input.", True),
        ("No endpoints found that support image input", True),
        ("Invalid content type. image_url is only supported by certain models: this one is text-only.", True),
        ("Unsupported content: image_url", True),
        ("llama is not a multimodal model", True),
        ("messages[1].content must be a string", True),
        ("Unsupported image format. Use PNG.", False),
        ("The image exceeds 5 MB and cannot be accepted: images of this size are not supported", False),
        ("The stop parameter is not supported", False),
    ],
)
def test_a_model_that_takes_no_pictures_says_so_in_many_ways(said: str, pictures: bool) -> None:
    """Only where one was sent; a picture of the wrong form or size says nothing about others."""
    fault = errors.fault_of(400, errors.read({"error": {"message": said}}), {})
    none = Quirks(("image_url",))
    found = remedy(fault, SEEN)
    assert (found is not None and found.quirks == none) is pictures
    without = remedy(fault, SENT)
    assert without is None or without.quirks != none
    if pictures:
        model = resolve("anthropic/claude-3")
        assert (model.sees, model.noting(none).sees) == (True, False)
