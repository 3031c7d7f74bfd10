"""The page In and out: look at any file, bring it in, see how far it is, take one's own out (G1, G3, G4, G7)."""

import asyncio
import io
import json
import re
import zipfile
from uuid import uuid4

from engine.config import Settings
from projections.archive import exports
from projections.models import jobs
from projections.models.jobs import Job
from tests.support import cards, chatlogs, shapes
from tests.support.provider.room import local_standin, with_provider
from tests.support.site import Site, site
from worker.__main__ import working

MEMBERS = {"version": 1, "members": [{"id": "abcde", "name": "Rook", "proxy_tags": [{"prefix": "r:", "suffix": None}]}], "switches": []}


async def drop(here: Site, raw: bytes, name: str, **fields: str) -> tuple[int, str]:
    answer = await here.http.post("/files/import", files={"file": (name, raw)}, data=fields, headers={"origin": here.address})
    return answer.status_code, answer.text


async def ended(here: Site, count: int) -> list[Job]:
    """So many imports and exports, once all are over."""
    while True:
        async with here.console.log.pool.connection() as connection:
            found = await jobs.recent(connection, limit=50)
        mine = [job for job in found if job.name.startswith(("import_", exports.EXPORT))]
        if len(mine) == count and all(job.over for job in mine):
            return mine
        await asyncio.sleep(0.05)


async def test_files_of_every_kind_are_told_apart_looked_at_and_brought_in(settings: Settings) -> None:
    """A look makes nothing; what is brought in is there, and its counts are shown; one's own goes out again."""
    backup, talk = shapes.zipped(shapes.raw()), chatlogs.jsonl(chatlogs.tavern()) + b"{broken\n"
    wanted = (
        (cards.charx(cards.v2()), "a.charx", "from a V2 card (CHARX)"),
        (backup, "mochi.zip", "A backup of shapes.inc. Mochi: 4 memories"),
        (talk, "talk.jsonl", "One conversation of SillyTavern"),
        (json.dumps(MEMBERS).encode(), "system.json", "1 personas from PluralKit"),
    )
    async with local_standin() as url, site(with_provider(settings, url)) as here, working(here.console.settings):
        made = ["character.created", "persona.created", "memory.noted", "message.received"]
        before = len(await here.events(made))
        for raw, name, said in wanted:
            status, text = await drop(here, raw, name, look="yes")
            assert (status, said in text, "Nothing was made yet" in text) == (200, True, True), text
        assert len(await here.events(made)) == before
        text = (await drop(here, backup, "mochi.zip", look="yes", key=str(uuid4())))[1]
        [held] = set(re.findall(r'action="(/files/held/[0-9a-f-]+)"', text))
        assert 'name="who:u"' in text
        refused = await here.form(held, {"who:u": "<@123456789012345678>"})
        assert (refused.status_code, "is an account" in refused.text) == (422, True)
        assert (await here.form("/files/held/" + str(uuid4()), {})).status_code == 422
        assert len(await here.events(made)) == before
        status, text = await drop(here, talk, "talk.jsonl")
        assert (status, "choose one beside the file" in text) == (422, True)
        came = await here.form(held, {"who:u": "Rook"})
        assert (came.status_code, "See how far it is" in came.text) == (200, True)
        for raw, name, _ in wanted:
            status, text = await drop(here, raw, name, character="wren")
            assert status == 200, text
        assert (await drop(here, b"%PDF-1.4", "a.pdf"))[0] == 422
        assert (await here.form("/files/export", {})).status_code == 303
        done = await ended(here, 4)
        text = (await here.http.get("/files")).text
        assert "7 memories: 3 came in, 1 were here, 3 skipped; 5 lines of talk" in text
        assert "5 lines, 0 of them were here, 1 notes passed over" in text
        assert "Line 8: " in text
        [channel] = next(job.result["channels"] for job in done if job.result and "channels" in job.result)
        out = await here.http.get(f"/chats/{channel}/export.jsonl")
        assert "Hello ü!" in out.content.decode()
        assert (await here.http.get(f"/chats/{channel}/export.pdf")).status_code == 404
        log_import = next(job.job for job in done if job.result and "channels" in job.result)
        for status in (303, 422):
            assert (await here.form(f"/files/imports/{log_import}/undo", {"key": str(uuid4())})).status_code == status
        assert (await here.http.get(f"/chats/{channel}/export.jsonl")).status_code == 404
        assert "taken back" in (await here.http.get("/files")).text
        await drop(here, talk, "talk.jsonl", character="wren")
        assert "Hello ü!" in (await here.http.get(f"/chats/{channel}/export.jsonl")).text
        archive = next(job.job for job in done if job.name == exports.EXPORT)
        whole = await here.http.get(f"/files/exports/{archive}")
        with zipfile.ZipFile(io.BytesIO(whole.content)) as opened:
            assert "manifest.json" in opened.namelist()
        assert (await here.http.get(f"/files/exports/{done[-1].job if done[-1].job != archive else done[0].job}")).status_code == 404
