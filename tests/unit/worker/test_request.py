"""The parameters that reach a provider, and what forms show of them, come from one function."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decide.spending.turn_model import Known, Model, ModelPattern, resolve
from engine.decide.spending.turn_request import BY_EFFORT, RESERVED_NAMES, effective
from engine.events.preset import Parameters, Reasoning
from engine.resources.preset import Routing
from tests.support.examples import examples

EFFORTS = st.sampled_from(sorted(BY_EFFORT))
REASONING = st.one_of(
    st.builds(Reasoning),
    st.builds(Reasoning, effort=EFFORTS, enabled=st.none() | st.booleans(), exclude=st.none() | st.booleans()),
    st.builds(Reasoning, max_tokens=st.integers(1024, 32_000), enabled=st.none() | st.booleans()),
)
PARAMETERS = st.builds(
    Parameters,
    temperature=st.none() | st.floats(0, 2),
    top_p=st.none() | st.floats(0, 1),
    seed=st.none() | st.integers(-(2**31), 2**31),
    frequency_penalty=st.none() | st.floats(-2, 2),
    max_tokens=st.none() | st.integers(1, 200_000),
    stop=st.lists(st.text(max_size=5), max_size=3).map(tuple),
    reasoning=REASONING,
    extra=st.dictionaries(st.sampled_from([*RESERVED_NAMES, "plugins"]), st.integers(-9, 9), max_size=4),
)
MODELS = st.builds(
    lambda known: resolve("some/model", known),
    st.builds(
        Known,
        max_output=st.none() | st.integers(1, 100_000),
        reasoning=st.none() | st.booleans(),
        forbidden=st.none() | st.lists(st.sampled_from(["temperature", "stop", "seed", "max_tokens", "reasoning"]), unique=True).map(tuple),
    ),
)


@examples(50)
@given(PARAMETERS, MODELS)
def test_nothing_forbidden_unset_or_reserved_is_sent_and_what_is_left_out_is_named(parameters: Parameters, model: Model) -> None:
    found = effective(parameters, model)
    assert not found.body.keys() & (RESERVED_NAMES | set(model.forbidden))
    assert None not in found.body.values()
    named = {left.name for left in found.left_out}
    wanted = {name for name in parameters.model_dump(exclude_defaults=True) if name not in {"extra", "reasoning"}}
    assert wanted - found.body.keys() <= named


@examples(60)
@given(PARAMETERS, MODELS)
def test_effort_and_a_number_of_reasoning_tokens_are_never_sent_together(parameters: Parameters, model: Model) -> None:
    reasoning = effective(parameters, model).body.get("reasoning", {})
    assert not {"effort", "max_tokens"} <= set(reasoning)


def test_a_conflict_stored_long_ago_is_not_sent_either() -> None:
    both = Reasoning.model_construct(effort="high", max_tokens=2000, exclude=None, enabled=None)
    found = effective(Parameters().model_copy(update={"reasoning": both}), resolve("openai/o3"))
    assert found.body["reasoning"] == {"effort": "high"}
    assert [left.name for left in found.left_out] == ["reasoning.max_tokens"]


@pytest.mark.parametrize(("effort", "tokens"), sorted(BY_EFFORT.items()))
def test_a_reasoning_model_gets_room_by_effort(effort: str, tokens: int) -> None:
    parameters = Parameters(reasoning=Reasoning(effort=effort))
    found = effective(parameters, resolve("x/y", Known(reasoning=True)))
    assert (found.max_tokens, found.max_tokens_source) == (tokens, "effort")
    assert effective(parameters, resolve("x/y", Known(reasoning=True, max_output=5000))).max_tokens == min(tokens, 5000)


def test_an_explicit_number_wins_and_nothing_is_sent_without_reason() -> None:
    explicit = effective(Parameters(max_tokens=700, reasoning=Reasoning(effort="high")), resolve("x/y", Known(reasoning=True)))
    assert (explicit.body["max_tokens"], explicit.max_tokens_source) == (700, "preset")
    assert any("effort high" in warning for warning in explicit.warnings)
    assert "max_tokens" not in effective(Parameters(), resolve("x/y")).body


def test_quirks_are_data() -> None:
    air = effective(Parameters(seed=1, frequency_penalty=0.1, presence_penalty=0.1, temperature=1.0), resolve("z-ai/glm-4.5-air:free"))
    assert air.body == {"temperature": 1.0}
    assert {left.name for left in air.left_out} == {"seed", "frequency_penalty", "presence_penalty"}
    assert "stop" not in effective(Parameters(stop=("x",)), resolve("deepseek/deepseek-r1-0528:free")).body


@given(
    *[st.builds(Known, context_tokens=st.none() | st.integers(1, 10**6), price_in=st.none() | st.floats(0, 1)) for _ in range(3)],
)
def test_the_most_particular_source_wins_field_by_field(override: Known, catalogue: Known, pattern: Known) -> None:
    model = resolve("a/b", override, catalogue, [ModelPattern("a/b", pattern)])
    for name in ("context_tokens", "price_in"):
        first = next((getattr(known, name) for known in (override, catalogue, pattern) if getattr(known, name) is not None), None)
        if first is not None:
            assert getattr(model, name) == first


def test_an_unknown_model_is_trusted_with_little() -> None:
    model = resolve("nobody/knows-this")
    assert (model.context_tokens, model.costs_nothing, model.price_in) == (8192, False, None)


def test_which_providers_may_answer_goes_with_the_request_only_where_it_was_chosen() -> None:
    """In the words the provider takes them; what was not chosen is not said, and what stands in `extra` is left as it is."""
    model = resolve("a/b")
    chosen = Parameters(provider=Routing(order=("One", "Two"), data_collection="deny"))
    assert effective(chosen, model).body["provider"] == {"order": ["One", "Two"], "data_collection": "deny"}
    assert "provider" not in effective(Parameters(), model).body
    assert effective(Parameters(extra={"provider": {"only": ["One"]}}), model).body["provider"] == {"only": ["One"]}
