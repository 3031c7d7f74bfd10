"""What is said of a try to connect a provider, and which model is taken. Pure."""

import pytest

from engine.actor import operator, person
from engine.decide.rejected import Rejected
from engine.decide.spending.provider import RULES, Connect, Disconnect, State, address, name_of
from engine.events.provider import ProviderConnected
from engine.fault import Category, Fault
from worker.connect import AUTOMATIC, _only, _sentence, _wrong
from worker.providers.chat import Endpoint

THERE = Endpoint("local", "http://127.0.0.1:1/v1")


def test_the_only_model_is_taken_and_several_are_left_to_choose() -> None:
    """OpenRouter chooses by itself."""
    assert _only(THERE, ["a"]) == "a"
    assert _only(THERE, ["a", "b"]) == ""
    assert _only(Endpoint("openrouter", "https://openrouter.ai/api/v1"), ["a", "b"]) == AUTOMATIC
    assert _wrong("", ["a", "b"]) == "It answers and offers 2 models. Choose one."
    assert _wrong("llama3.1", ["llama3", "mistral"]) == "It answers, but does not offer llama3.1. Did you mean llama3?"
    assert _wrong("anything", []) == ""
    assert _wrong(AUTOMATIC, ["a"]) == ""


def test_a_refused_key_is_told_as_that() -> None:
    """In the provider's words."""
    assert "refuses the key" in _sentence(Fault(Category.AUTHENTICATION, 401, provider_message="bad key"))


@pytest.mark.parametrize(
    "text", ["", "ftp://x/v1", "https://a:b@x/v1", "https://x/v1?key=1", "https://x/v1#f", "nothing", "https://x" + "y" * 300]
)
def test_an_address_holds_no_secret_and_is_one(text: str) -> None:
    """Passwords and queries would stand in the log in the clear."""
    with pytest.raises(Rejected):
        address(text)


def test_connecting_is_for_owners_and_said_once() -> None:
    """The same again is no event; names are those of records."""
    assert address(" https://openrouter.ai/api/v1/chat/completions ") == "https://openrouter.ai/api/v1"
    assert [name_of(url) for url in ("https://openrouter.ai/api/v1", "http://localhost:1/v1", "https://api.example/v1")] == [
        "openrouter",
        "local",
        "api.example",
    ]
    with pytest.raises(Rejected):
        RULES.decide(State(), Connect("http://x/v1"), person(7))
    [event] = RULES.decide(State(), Connect("http://x/v1"), operator())
    assert isinstance(event, ProviderConnected)
    assert list(RULES.decide(State(event), Connect("http://x/v1"), operator())) == []
    assert list(RULES.decide(State(), Disconnect(), operator())) == []
    assert RULES.evolve(State(event), RULES.decide(State(event), Disconnect(), operator())[0]) == State()
