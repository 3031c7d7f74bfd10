"""Server-sent events, in whatever slices the network makes of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.providers.sse import LINE_LIMIT, LineTooLong, Parser

LINES = st.text(alphabet=st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=20)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


@given(st.lists(LINES, max_size=8), ENDS, st.data())
def test_slices_do_not_matter(datas: list[str], end: bytes, data: st.DataObject) -> None:
    stream = b"".join(b": comment" + end + b"data: " + text.encode() + end + end for text in datas)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    parser, found = Parser(), []
    for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += parser.feed(stream[start:stop])
    assert found + parser.end() == datas
    assert parser.comments == len(datas)


def test_several_data_lines_are_one_event() -> None:
    assert Parser().feed(b"event: x\ndata: one\ndata: two\nid: 7\n\n") == ["one\ntwo"]


def test_what_is_no_text_is_replaced() -> None:
    assert Parser().feed(b"data: \xff\xfe\n\n") == ["\ufffd\ufffd"]


def test_a_line_without_end_is_refused() -> None:
    with pytest.raises(LineTooLong):
        Parser().feed(b"data: " + b"x" * (LINE_LIMIT + 1))


@given(st.binary(max_size=300))
def test_any_bytes_can_be_fed(stream: bytes) -> None:
    parser = Parser()
    parser.feed(stream)
    parser.end()
