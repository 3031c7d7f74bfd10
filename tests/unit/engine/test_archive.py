"""Lines of archives are read as they were written, and a file made to do harm is refused cheaply (ADR 64, R40)."""

import io
import tracemalloc
import zipfile
from datetime import UTC, datetime
from uuid import UUID

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import ids
from engine.archive.container import ArchiveError, ArchiveManifest, ArchiveReader, ArchiveWriter
from engine.archive.lines import NotALine, line_of, read_line
from engine.errors import UnknownEvent
from engine.events.build import new
from engine.events.message import MessageReceived
from engine.sealing import DataKey
from engine.store import Stored, codec

KEY = DataKey("user:7", b"k" * 32)
AT = datetime(2024, 5, 3, 16, 5, 9, 123456, UTC)


def row_of(text: str, tag: int | None, turn: UUID | None) -> Stored:
    event = MessageReceived(message_id=1, channel_id=2, author_id=7, venue="playground", text=text, author_name="Ada")
    packed = codec.pack(new(event, ids.derived("test", text)), KEY)
    clear = (packed.new.stream, 1, event.TYPE, event.VERSION, AT, AT, None, turn, tag, 2, 7, None, turn, "user:7")
    return Stored(9, packed.new.id, *clear, packed.data, packed.sealed)


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), st.none() | st.integers(0, 2**63 - 1), st.none() | st.uuids())
def test_a_line_is_the_row_it_was_made_of(text: str, tag: int | None, turn: UUID | None) -> None:
    """Sealed byte for byte; opened with its text; without a key only with that it was erased."""
    row = row_of(text, tag, turn)
    assert read_line(line_of(row, KEY, opened=False)).row == row
    opened = read_line(line_of(row, KEY, opened=True))
    event = opened.event()
    assert isinstance(event, MessageReceived)
    assert event.text == text
    assert opened.row._replace(sealed=row.sealed) == row
    assert opened.to_append().subjects == ("user:7",)
    assert read_line(line_of(row, None, opened=True)).erased


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60) | st.dictionaries(st.sampled_from(["id", "data", "opened"]), st.integers(0, 9)).map(orjson.dumps))
def test_what_is_no_line_is_told(raw: bytes) -> None:
    with pytest.raises(NotALine):
        read_line(raw)


def test_a_member_that_is_more_than_it_says_is_not_unpacked() -> None:
    """50 MB of nothing behind a manifest that says ten bytes costs a few blocks."""
    file = io.BytesIO()
    writer = ArchiveWriter(file, ArchiveManifest("person", 7, "2024", opened=True))
    writer.add("events.jsonl", (bytes(1 << 16) for _ in range(800)))
    said = writer.manifest.members["events.jsonl"]
    writer.manifest.members["events.jsonl"] = type(said)(10, said.sha256)
    writer.finish()
    tracemalloc.start()
    try:
        with ArchiveReader(file) as archive, pytest.raises(ArchiveError, match="digest"):
            archive.check()
        assert tracemalloc.get_traced_memory()[1] < 16 * 2**20
    finally:
        tracemalloc.stop()


def test_a_member_that_lies_nowhere_is_damaged() -> None:
    """The list of contents puts it before the beginning of the file: a sentence, as for all other damage."""
    file = io.BytesIO()
    writer = ArchiveWriter(file, ArchiveManifest("person", 7, "2024", opened=True))
    writer.add("events.jsonl", b"x\n" * 100)
    writer.finish()
    raw = file.getvalue()
    end = raw.rindex(b"PK\x05\x06")
    begins = int.from_bytes(raw[end + 16 : end + 20], "little")
    shifted = raw[: end + 16] + (begins + 40).to_bytes(4, "little") + raw[end + 20 :]
    for broken in (shifted, raw[40:]):
        with pytest.raises(ArchiveError, match=r"\.$"), ArchiveReader(io.BytesIO(broken)) as archive:
            archive.check()


def test_a_line_of_a_version_that_never_was_is_no_event() -> None:
    """Neither of one to come nor of one before the first."""
    line = orjson.loads(line_of(row_of("hello", None, None), KEY, opened=True))
    for version in (0, 99):
        with pytest.raises(UnknownEvent):
            read_line(orjson.dumps(line | {"schema": version})).event()


@pytest.mark.parametrize("raw", [b"", b"PK\x05\x06" + bytes(18), b"{}", b"\x89PNG"])
def test_what_is_no_archive_is_refused(raw: bytes) -> None:
    with pytest.raises(ArchiveError):
        ArchiveReader(io.BytesIO(raw))


def test_an_archive_of_another_version_is_refused_with_its_number() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as out:
        out.writestr("manifest.json", orjson.dumps({"format": "tzurot-archive", "version": 99}))
    with pytest.raises(ArchiveError, match="version 99"):
        ArchiveReader(file)
