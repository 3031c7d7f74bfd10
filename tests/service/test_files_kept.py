"""Voice messages and other files are kept, sealed, where it is switched on: bounded, once, in the archive, gone with an erasure."""

import asyncio
from io import BytesIO
from zipfile import ZipFile

from engine import blobs, erasure
from engine.config import Settings
from engine.events.message import Attachment, FileKept
from engine.store import Query
from projections.archive.person import make_person
from projections.models import jobs
from projections.models.jobs import Job
from tests.service.test_pictures_seen import Place, Sender, gallery
from tests.support.pictures import picture
from worker.jobs import keep_file
from worker.jobs.keep_file import keepable

VOICE, NOTES = b"OggS a voice", b"%PDF some notes"


def _file(place: Place, name: str, content: bytes, **more: object) -> Attachment:
    return place.attachment(name, content).model_copy(update={"kind": "file", "media_type": "application/pdf"} | more)


async def _over(sender: Sender, count: int) -> list[Job]:
    """The jobs that keep files, once there are so many and each is over."""
    async with asyncio.timeout(60):
        while True:
            async with sender.log.pool.connection() as connection:
                found = await jobs.recent(connection, name=keep_file.NAME)
            if len(found) == count and all(job.over for job in found):
                return found
            await asyncio.sleep(0.02)


async def test_files_besides_pictures_are_kept_and_go_with_their_sender(settings: Settings) -> None:
    """A voice message and a document, each content once; one that is larger than it said is not, and pictures have a way of their own."""
    async with gallery(settings, keep_files_mb=1) as (place, sender):
        log = sender.log
        voice = _file(place, "voice.ogg", VOICE, kind="voice", media_type="audio/ogg")
        lies = _file(place, "lies.bin", b"x" * (2**20 + 1), size=10)
        await sender.shown(voice, place.attachment("one.png", picture()), _file(place, "notes.pdf", NOTES), lies)
        await sender.shown(_file(place, "again.ogg", VOICE, kind="voice", media_type="audio/ogg"))
        found = await _over(sender, 4)
        assert [job.why for job in found if job.status != "completed"] == ["The file is larger than 1 MB."]
        events = [row.event async for row in log.read(Query(types=frozenset({"message.file_kept"})))]
        kept = sorted((one.name, one.number, one.size, one.file) for one in events if isinstance(one, FileKept))
        assert [one[:3] for one in kept] == [("again.ogg", 0, len(VOICE)), ("notes.pdf", 2, len(NOTES)), ("voice.ogg", 0, len(VOICE))]
        assert kept[0][3] == kept[2][3], "the same content is kept once"
        assert [await blobs.get(log.pool, log.vault, address) for *_, address in kept] == [VOICE, NOTES, VOICE]
        archive = BytesIO()
        await make_person(log, archive, 1)
        with ZipFile(archive) as zipped:
            assert {zipped.read(name) for name in zipped.namelist() if name.startswith("files/")} >= {VOICE, NOTES}
        await erasure.erase(log, 1, requested_by=1)
        assert [await blobs.get(log.pool, log.vault, address) for *_, address in kept] == [None] * 3
        async with log.pool.connection() as connection:
            assert await (await connection.execute("SELECT subject FROM blobs WHERE subject <> 'system'")).fetchall() == []


async def test_nothing_is_kept_unless_somebody_switched_it_on(settings: Settings) -> None:
    """And then no sticker, nothing larger than it may be, and nothing that lies elsewhere."""
    async with gallery(settings) as (place, sender):
        here = _file(place, "notes.pdf", NOTES)
        await sender.shown(here)
        async with sender.log.pool.connection() as connection:
            assert list(await jobs.recent(connection, name=keep_file.NAME)) == []
        own = settings.model_copy(update={"discord_api_base": f"{place.server.address.removesuffix('/v1')}/api/v10"})
        elsewhere = here.model_copy(update={"url": "https://example.org/notes.pdf"})
        files = [here, elsewhere, here.model_copy(update={"kind": "sticker"}), here.model_copy(update={"size": 2**21})]
        assert [keepable(files, own.model_copy(update={"keep_files_mb": most})) for most in (0, 1, 2)] == [[], [0], [0, 3]]
