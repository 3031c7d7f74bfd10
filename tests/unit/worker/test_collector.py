"""One reader for whatever a provider sends with status 200."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.events.turn import Usage
from engine.fault import Category
from tests.support.provider import odd, whims
from tests.support.provider.server import chunk, event
from worker.providers.collector import Collector, Completion
from worker.providers.encoding import Decoder
from worker.providers.failure import ProviderFailed
from worker.providers.said import Said


def read(body: bytes, size: int = 4096) -> Completion:
    """The outcome of a body that arrives in pieces."""
    collector = Collector()
    decoder = Decoder()
    pieces = [piece for start in range(0, len(body), size) for piece in decoder.feed(body[start : start + size])]
    for piece in [*pieces, *decoder.end()]:
        collector.feed(piece)
        if collector.done or collector.error:
            break
    collector.end()
    return collector.outcome(200, {})


def category(body: bytes) -> Category:
    with pytest.raises(ProviderFailed) as failed:
        read(body)
    return failed.value.fault.category


STREAMS, BODIES = odd.ODD_STREAMS | whims.STREAMS, odd.ODD_BODIES | whims.BODIES


@pytest.mark.parametrize("body", STREAMS.values(), ids=STREAMS)
@pytest.mark.parametrize("size", [100_000, 997])
def test_a_good_stream_in_an_odd_form_is_the_reply_once(body: bytes, size: int) -> None:
    """Pieces or the whole, odd frames, other dialects, and parts without measure beside it."""
    assert read(body, size).text == odd.HELLO


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_good_body_in_an_odd_form_is_the_reply(body: bytes) -> None:
    """Unstreamed."""
    assert read(body).text == odd.HELLO


def test_what_came_beside_the_words_is_named() -> None:
    """Nobody wonders where the picture is."""
    assert "a picture" in read(odd.ODD_STREAMS["a picture in a frame of its own"]).left_out
    assert "a tool call" in read(odd.ODD_STREAMS["tool calls beside words"]).left_out


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, Category.SERVER_ERROR),
        ({"error": {"code": "rate_limit_exceeded", "message": "Rate limit reached"}}, Category.RATE_LIMIT),
        ({"error": {"code": "429", "message": "slow down"}}, Category.RATE_LIMIT),
        ({"error": {"type": "insufficient_quota", "message": "You exceeded your current quota"}}, Category.QUOTA_EXCEEDED),
        ({"error": "upstream timed out"}, Category.TIMEOUT),
        ({"error": {"error": {"type": "api_error", "message": "Internal server error"}}}, Category.SERVER_ERROR),
        ({"error": {"message": '{"error": {"status": "RESOURCE_EXHAUSTED"}}'}}, Category.RATE_LIMIT),
        ([{"error": {"code": 503, "status": "UNAVAILABLE", "message": "The model is overloaded"}}], Category.SERVER_ERROR),
        ({"object": "error", "message": "Internal server error", "code": 500}, Category.SERVER_ERROR),
        ({"errors": [{"code": 5007, "message": "No such model"}], "success": False}, Category.MODEL_NOT_FOUND),
        ({"detail": "Too many requests"}, Category.RATE_LIMIT),
        ({"choices": [{"delta": {"content": "lo"}, "error": {"code": 502, "message": "Bad gateway"}}]}, Category.SERVER_ERROR),
        ({"choices": [{"delta": {"content": "lo"}}], "error": {"message": "Provider returned error", "code": 503}}, Category.SERVER_ERROR),
        ({"choices": [{"delta": {}, "finish_reason": "error"}]}, Category.UNKNOWN),
        ({"base_resp": {"status_code": 1002, "status_msg": "rate limit"}}, Category.RATE_LIMIT),
        ({"type": "response.failed", "response": {"error": {"code": "server_error", "message": "x"}}}, Category.SERVER_ERROR),
        ({"__type": "ThrottlingException", "message": "Rate exceeded"}, Category.RATE_LIMIT),
    ],
)
def test_an_error_within_a_stream_is_a_failure_with_what_was_said(error: object, expected: Category) -> None:
    """By number, by code as text, by type, nested, in a list, in text, beside words: one reader."""
    with pytest.raises(ProviderFailed) as failed:
        read(odd.delta("Hel") + event(error) + odd.DONE)
    assert failed.value.fault.category is expected
    assert failed.value.partial.startswith("Hel")


def test_an_error_event_of_plain_words_is_an_error() -> None:
    """Its name alone says so."""
    assert category(odd.delta("Hel") + b"event: error\ndata: the server is overloaded\n\n") is Category.SERVER_ERROR


@pytest.mark.parametrize(
    ("odd_end", "expected"),
    [
        (b'error: {"message": "Internal server error"}\n\n', Category.SERVER_ERROR),
        (b'data: error: {"message": "Overloaded"}\n\n', Category.SERVER_ERROR),
        (b"data: Rate limit reached\n\n", Category.RATE_LIMIT),
        (b"<html><head><title>502 Bad Gateway</title></head></html>", Category.SERVER_ERROR),
        (b'event: error\ndata: {"message": "System is really busy"}\n\n', Category.SERVER_ERROR),
        (b'data: {"errors": [{"code": 3040, "message": "Capacity temporarily exceeded"}], "success": false}\n\n', Category.SERVER_ERROR),
        (b"data: ???\n\n", Category.NETWORK),
    ],
)
def test_an_answer_that_breaks_off_says_why_when_anybody_did(odd_end: bytes, expected: Category) -> None:
    """Words, a page or half a frame where the next frame should be; what says nothing is a cut connection."""
    assert category(odd.delta("Hel") + odd_end) is expected


@pytest.mark.parametrize("finish", ["abort", "malformed_function_call", "cancelled"])
def test_what_was_given_up_counts_as_cut(finish: str) -> None:
    """Its words are delivered, and nobody takes them for all."""
    assert read(odd.delta("Hello") + odd.delta(None, finish)).cut


def test_an_end_that_names_a_fault_is_one() -> None:
    """Whatever it is called."""
    assert category(odd.delta("Hel") + odd.delta(None, "network_error")) is Category.UNKNOWN


@pytest.mark.parametrize("nothing", [None, "", {}, [], False, {"message": None}, {"code": 0, "message": ""}])
def test_an_error_that_says_nothing_is_none(nothing: object) -> None:
    """Some gateways send the field with every frame."""
    assert read(event(chunk("Hello there.", error=nothing)) + odd.STOP).text == odd.HELLO


@pytest.mark.parametrize("finish", ["content_filter", "SAFETY", "RECITATION", "max_tokens", "length", "PROHIBITED_CONTENT", "refusal"])
def test_what_a_filter_or_a_limit_ended_counts_as_cut(finish: str) -> None:
    """With words they are delivered as cut short; without any a filter is a refusal and a limit an empty answer."""
    found = read(odd.delta("Hello") + odd.delta(None, finish))
    assert (found.text, found.cut) == ("Hello", True)
    empty = category(odd.delta(None, finish))
    assert empty is (Category.EMPTY_RESPONSE if finish in {"max_tokens", "length"} else Category.CONTENT_POLICY)


@pytest.mark.parametrize(
    "document",
    [
        {"choices": [], "prompt_filter_results": [{"content_filter_results": {"hate": {"filtered": True}}}]},
        {"choices": [{"delta": {}, "content_filter_results": {"violence": {"filtered": True}}, "finish_reason": "stop"}]},
        {"promptFeedback": {"blockReason": "SAFETY"}},
        {"choices": [{"message": {"content": None, "refusal": "I cannot help with that."}, "finish_reason": "stop"}]},
        {"candidates": [{"finishReason": "SAFETY"}]},
    ],
)
def test_a_filtered_prompt_is_a_refusal(document: object) -> None:
    """Azure's results, Google's feedback, OpenAI's refusal."""
    assert category(event(document) + odd.DONE) is Category.CONTENT_POLICY


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": -5, "completion_tokens": 3}, Usage(completion_tokens=3)),
        ({"prompt_tokens": 1e300, "completion_tokens": "7"}, Usage(completion_tokens=7)),
        ({"prompt_tokens": 10**15 - 1}, Usage(prompt_tokens=10**9)),
        ({"prompt_tokens": None, "cost": "NaN"}, Usage()),
        ({"prompt_tokens": True, "cost": -1}, Usage()),
        ({"prompt_tokens": [1], "cost": 1e9}, Usage()),
        ({"prompt_tokens": {"x": 1}, "cost": "0.25"}, Usage(cost=0.25)),
        ({"input_tokens": 4, "output_tokens": 2, "cost": 0}, Usage(prompt_tokens=4, completion_tokens=2, cost=0.0)),
        ("a lot", Usage()),
        ([1, 2], Usage()),
    ],
)
def test_usage_is_bounded_whatever_the_provider_writes(usage: object, expected: Usage) -> None:
    """Negative, huge, no numbers at all: accounting goes on."""
    assert read(event(chunk("Hello there.", usage=usage)) + odd.STOP).usage == expected


def test_a_late_or_blank_usage_wipes_nothing_out() -> None:
    """Counts only grow within an answer."""
    assert read(odd.ODD_STREAMS["usage late and twice"]).usage == Usage(prompt_tokens=9, completion_tokens=3)


@pytest.mark.parametrize("name", ["a\x00b", "x" * 9000, "\ud800", "line\r\nbreak", "\x1b[31mred", ["list"], {"a": 1}, 7, None])
def test_strings_stored_in_the_clear_are_clean_and_bounded(name: object) -> None:
    """The model's name, why it ended, and where it stopped."""
    body = {"model": name, "choices": [{"message": {"content": "Hello there."}, "finish_reason": name, "stop_reason": name}]}
    found = read(event(body) + odd.DONE)
    for text in (found.model, found.finish_reason, found.stop_sequence or ""):
        assert len(text) <= 200
        assert text.isprintable() or text == "\ufffd"
    assert found.text == odd.HELLO


@given(st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=12))
def test_pieces_that_do_not_grow_are_joined(pieces: list[str]) -> None:
    """Whatever they are: only texts that each repeat everything before them are taken as such."""
    said = Said()
    for piece in ["Once upon ", "a time ", *pieces]:
        said.delta(piece)
    assert said.text == "Once upon a time " + "".join(pieces)


@given(st.lists(st.text(min_size=1, max_size=6), min_size=3, max_size=12))
def test_texts_that_grow_are_the_last_of_them(pieces: list[str]) -> None:
    """As deltas and as whole messages, and the whole once more at the end."""
    texts = ["".join(pieces[: count + 1]) for count in range(len(pieces))]
    deltas, wholes, both = Said(), Said(), Said()
    for text in texts:
        deltas.delta(text)
        wholes.whole(text)
    both.delta(pieces[0])
    both.delta("|")
    both.whole(pieces[0] + "|")
    assert deltas.text == wholes.text == texts[-1]
    assert both.text == pieces[0] + "|"
    assert deltas.size == len(texts[-1])


def test_a_text_without_measure_is_no_answer() -> None:
    """Two megabytes of words are a model that has lost its way."""
    assert category(odd.delta("word " * 2000) * 250) is Category.BAD_RESPONSE
