"""From bytes to JSON documents, in whatever slices the network makes of them and whatever the headers say."""

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import examples
from worker.providers.elide import Elider
from worker.providers.frames import LINE_LIMIT, Frames

LINES = st.text(alphabet=st.characters(exclude_characters="\r\n\ufeff\x1e\x00 \t", exclude_categories=["Cs"]), min_size=1, max_size=20)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


def fed(stream: bytes, cuts: list[int] | None = None) -> list[str]:
    """The data of all frames."""
    frames, found = Frames(), []
    cuts = sorted(cuts or [])
    for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += frames.feed(stream[start:stop])
    return [frame.data for frame in found + frames.end()]


@examples(60)
@given(st.lists(LINES, max_size=8), ENDS, st.data())
def test_slices_do_not_matter(datas: list[str], end: bytes, data: st.DataObject) -> None:
    """Events come out the same however they arrive."""
    stream = b"".join(b": comment" + end + b"data: " + text.encode() + end + end for text in datas)
    assert fed(stream, data.draw(st.lists(st.integers(0, len(stream)), max_size=10))) == datas


@given(st.binary(max_size=300), st.data())
def test_any_bytes_can_be_fed_in_any_slices(stream: bytes, data: st.DataObject) -> None:
    """Nothing raises, and slices change nothing."""
    assert fed(stream, data.draw(st.lists(st.integers(0, len(stream)), max_size=5))) == fed(stream)


@pytest.mark.parametrize(
    ("stream", "datas"),
    [
        (b"event: x\ndata: one\ndata: two\nid: 7\n\n", ["one\ntwo"]),
        (b"\xef\xbb\xbfdata: {}\n\n", ["{}"]),
        (b"data:\n\ndata: {}\n\n", ["{}"]),
        (b"data\n\ndata:{}\n\n", ["{}"]),
        (b": comment\nretry: 5\ndata: {}", ["{}"]),
        (b'{"a": 1}\n{"b": 2}\n', ['{"a": 1}', '{"b": 2}']),
        (b'{\n "data": "x",\n "b": [1,\n2]\n}', ['{\n "data": "x",\n "b": [1,\n2]\n}']),
        (b"data: \xff\xfe\n\n", ["\ufffd\ufffd"]),
        (b"<html>\n<body>no</body>\n</html>", ["<html>\n<body>no</body>\n</html>"]),
    ],
)
def test_a_line_says_by_itself_what_it_is(stream: bytes, datas: list[str]) -> None:
    """Events, lines of JSON, one JSON over many lines, and neither."""
    assert [data for data in fed(stream) if data.strip()] == datas


def test_an_event_keeps_its_name() -> None:
    """Some providers say only there that it is an error."""
    assert Frames().feed(b"event: error\ndata: {}\n\ndata: {}\n\n") == [("{}", "error", False), ("{}", "", False)]


STRINGS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), max_size=5)


@given(STRINGS, st.integers(1, 40), st.data())
def test_shortened_json_is_json_with_shorter_strings(strings: list[str], limit: int, data: st.DataObject) -> None:
    """In any slices; strings within the limit are untouched, the others begin as they did."""
    text = json.dumps({"list": strings, "n": -1.5e3}, ensure_ascii=data.draw(st.booleans())).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    elider = Elider(limit)
    short = b"".join(elider.feed(text[a:b]) for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True))
    found = json.loads(short.decode("utf-8", "replace"))
    values = list(found.values())
    assert values[1] == -1500.0
    for was, now in zip(strings, values[0], strict=True):
        encoded = json.dumps(was, ensure_ascii=False).encode()[1:-1]
        assert now == was or (len(now.encode("utf-8", "surrogatepass")) <= limit + 3 and len(encoded) > 0)
        assert now == was or was.startswith(now.rstrip("\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "ignore"))


@pytest.mark.parametrize("text", ["ends in \\\\", "\\\\u00e", "\\\\\\\\u00", 'a \\\\" b', "\u00e9", "\\\\u00e9\\\\"])
def test_a_slice_may_end_at_any_backslash(text: str) -> None:
    """Whether it begins an escape depends on how many stand before it."""
    whole = json.dumps({"text": text, "n": 1}).encode()
    for cut in range(len(whole) + 1):
        elider = Elider(4)
        found = json.loads(elider.feed(whole[:cut]) + elider.feed(whole[cut:]))
        assert found["n"] == 1
        assert text.startswith(found["text"])


JSON = st.recursive(
    st.one_of(st.integers(0, 9**9), st.booleans(), st.none(), st.text(max_size=5)),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.sampled_from(["x", "choices", "delta", "b"]), inner, max_size=4),
    max_leaves=40,
)


@given(st.dictionaries(st.sampled_from(["x", "content", "usage"]), JSON, max_size=3), st.integers(0, 60), st.data())
def test_shortened_json_has_fewer_values_beside_the_words(document: dict[str, object], beside: int, data: st.DataObject) -> None:
    """In any slices; what may hold words is whole, wherever it stands, and nothing is there that was not."""
    text = json.dumps(document | {"choices": ["[{,"]}, separators=data.draw(st.sampled_from([(",", ":"), (", ", ": ")]))).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    elider = Elider(beside=beside)
    short = json.loads(b"".join(elider.feed(text[a:b]) for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)))
    assert within(short, document | {"choices": ["[{,"]})
    assert short["choices"] == ["[{,"]
    assert short == document | {"choices": ["[{,"]} or elider.cut


def within(short: object, whole: object) -> bool:
    """Whether a value is another one whose lists and objects may end earlier."""
    if isinstance(short, list) and isinstance(whole, list):
        return len(short) <= len(whole) and all(map(within, short, whole))
    if isinstance(short, dict) and isinstance(whole, dict):
        return list(short) == list(whole)[: len(short)] and all(within(short[name], whole[name]) for name in short)
    return short == whole


def test_a_line_without_end_costs_bounded_memory_and_what_follows_is_read() -> None:
    """Twenty megabytes of one line, whether it is one string or none: kept is what a line may hold."""
    tracemalloc.start()
    frames = Frames()
    frames.feed(b'data: {"a": "')
    for _ in range(320):
        frames.feed(b"x" * 65_536)
    found = frames.feed(b'", "b": 1}\n\n')
    for _ in range(320):
        frames.feed(b"[" * 65_536)
    found += frames.feed(b"\n\ndata: {}\n\n")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert json.loads(found[0].data)["b"] == 1
    assert found[-1].data == "{}"
    assert frames.left_out == ["a long text", "a part without measure"]
    assert peak < 8 * LINE_LIMIT


@pytest.mark.parametrize(
    ("begins", "what"),
    [("data:image/png;base64,", "a picture"), ("data:audio/wav;", "a sound"), ("data:x", "a file"), ("Hm ", "a long text")],
)
def test_what_was_too_long_is_named(begins: str, what: str) -> None:
    """By how it began."""
    frames = Frames()
    frames.feed(f'data: {{"url": "{begins}{"A" * 1_500_000}"}}\n\n'.encode())
    assert frames.left_out == [what]
