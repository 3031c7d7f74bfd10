"""The console's doors: whatever stands in a field, an address or a file, a page or a sentence answers; every read model goes on."""

import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator, Mapping
from html.parser import HTMLParser
from urllib.parse import quote_from_bytes
from uuid import uuid4

import pytest
from pydantic import SecretStr
from starlette.routing import Route

from bot.console.app import ROUTES
from engine.config import Settings
from projections.follow import aside, runner, verify
from projections.registry import ALL
from tests.support import cards, poison
from tests.support.site import Site, site

SECRET = "a secret of the hook"
ODD = "".join(text for name, text in poison.TEXTS.items() if len(text) < 200)
"""All short poisons in one string."""
TEXTS = (ODD, poison.TEXTS["NUL"], poison.TEXTS["5,000 digits"], poison.TEXTS["digits of another script"], "x" * 100_000)
PATHS = ("%00", "a%00b", "%ff%fe", "%ed%a0%80", "9" * 400, "%C2%B2", "-1", "..%2f..%2fetc", "%F3%A0%81%81", "NaN", "x" * 3_000)
"""What stands in an address where an id should."""
ODD_VALUES: tuple[object, ...] = (None, 10**30, [[[]]])

PAGES = [route for route in ROUTES if isinstance(route, Route) and "GET" in (route.methods or ())]


@pytest.fixture
async def here(settings: Settings) -> AsyncIterator[Site]:
    async with site(settings.model_copy(update={"release_webhook_secret": SecretStr(SECRET)})) as opened:
        yield opened


class Forms(HTMLParser):
    """The forms of a page: where each goes, and its fields with their values."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str, dict[str, str]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        target = next((given[name] for name in ("hx-post", "action") if given.get(name)), "")
        if tag == "form" or given.get("hx-post"):
            method = "post" if given.get("hx-post") or given.get("method", "").lower() == "post" else "get"
            self.found.append((method, target, {}))
        if self.found and given.get("name"):
            self.found[-1][2][given["name"]] = given.get("value", "")


def encoded(fields: Mapping[str, str]) -> bytes:
    """A form's body, in which halves of pairs and bytes that are no UTF-8 stand as they are."""
    return b"&".join(f"{name}={quote_from_bytes(value.encode('utf-8', 'surrogatepass'))}".encode() for name, value in fields.items())


async def _whole(here: Site) -> None:
    """Every read model runs, has put nothing aside, and equals the log."""
    await here.settled()
    async with here.console.log.pool.connection() as connection:
        assert await aside.kept(connection) == []
        assert {entry.status for entry in await runner.progress(connection) if entry.role == "live"} == {"running"}
    assert [found.name for found in await verify.verify(here.console.log.dsn, ALL) if not found.equal] == []


async def _pages(here: Site) -> list[str]:
    """Pages with forms: those of a chat, a turn, a character and a preset, and every page that needs no id."""
    said = await here.say("Hello", character="wren")
    await here.complete(said.turns[0], "Good evening.")
    await here.lines(said.channel, 2)
    [character, *_] = re.findall(r"/characters/([0-9a-f-]{36})", (await here.http.get("/characters")).text)
    [preset, *_] = re.findall(r"/presets/([0-9a-f-]{36})", (await here.http.get("/presets")).text)
    found = [f"/chats/{said.channel}", f"/turns/{said.turns[0]}", f"/characters/{character}/edit", f"/characters/{character}"]
    alone = [route.path for route in PAGES if "{" not in route.path]
    return [*found, f"/presets/{preset}/edit", "/characters/new", "/presets/new", "/personas/new", *(p for p in alone if "stream" not in p)]


async def test_no_form_of_any_page_breaks_and_somebody_else_is_answered(here: Site) -> None:
    """Every field of every form at once, by each kind of text; then a person says something, and all read models are as the log says."""
    seen = set[tuple[str, str]]()
    for page in await _pages(here):
        for method, target, fields in Forms((await here.http.get(page)).text).found:
            goes, form = target or page, re.sub(r"[0-9a-f-]{36}|\d+", "#", target or page)
            if (method, form) in seen or "logout" in form:
                continue
            seen.add((method, form))
            for text in TEXTS:
                body = encoded({name: value if name == "key" else text for name, value in fields.items()})
                assert await _answer(here, method, goes, body) < 500, f"{method} {form} by {text[:20]!r}"
    assert len(seen) > 20
    said = await here.say("Still there?", character="ottoline")
    await here.complete(said.turns[0], "Always.")
    assert [line["text"] for line in await here.lines(said.channel, 2)] == ["Still there?", "Always."]
    await _whole(here)


async def _answer(here: Site, method: str, target: str, body: bytes) -> int:
    headers = {"origin": here.address, "content-type": "application/x-www-form-urlencoded"}
    if method == "post":
        return (await here.http.post(target, content=body, headers=headers)).status_code
    return (await here.http.get(f"{target.partition('?')[0]}?{body[:20_000].decode()}")).status_code


async def test_no_address_and_no_body_of_a_program_breaks(here: Site) -> None:
    """Ids that are none, JSON that is none, files that are none; a page, a sentence or nothing there."""
    for pattern in (route.path for route in PAGES if "{" in route.path):
        for text in PATHS if re.search(r"\{\w+\}", pattern) else PATHS[:2]:
            path = re.sub(r"\{\w+(:\w+)?\}", text, pattern)
            assert (await here.http.get(path)).status_code < 500, path
    kind = {"content-type": "application/json"}
    for body in _bodies({"text": "Hello", "author": "Ann", "character": "wren", "reply_to": 5}):
        answer = await here.http.post("/api/chats", content=body, headers=kind)
        assert answer.status_code in {201, 413, 422}, body[:80]
    release = {"tag_name": "v9.9.9", "body": "News", "html_url": "https://x.example", "name": "Nine"}
    for body in _bodies({"action": "published", "release": release}):
        signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        answer = await here.http.post("/hooks/release", content=body, headers=kind | {"x-hub-signature-256": signature})
        assert answer.status_code in {202, 400, 413, 422}, body[:80]
    await _whole(here)


def _bodies(good: object) -> list[bytes]:
    """JSON with poison at each place, and what is no JSON."""
    odd = (*TEXTS[:4], *poison.VALUES.values())
    return [*(json.dumps(poison.put(good, place, one)).encode() for place in poison.places(good) for one in odd), *poison.raw(good)]


async def test_no_uploaded_file_breaks(here: Site) -> None:
    """Cards and presets with poison in every field, JSON of every odd kind, and what is no file at all."""
    card, preset = cards.v3(), {"kind": "preset", "name": "Mine", "model": "a/b", "temperature": 1.0}
    made = {
        "characters": [poison.everywhere(card, text) for text in TEXTS[:2]],
        "presets": [poison.everywhere(preset, text) for text in TEXTS[:2]],
    }
    made["presets"] += [poison.put(preset, place, odd) for place in poison.places(preset) for odd in ODD_VALUES]
    for kind, trees in made.items():
        for raw in [
            *(json.dumps(tree).encode() for tree in trees),
            *poison.raw(trees[0]),
            b"\x89PNG\r\n\x1a\n" + b"\x00" * 50,
            b"PK\x03\x04" + b"\xff" * 50,
        ]:
            files = {"file": ("odd\x7f\u202e.json", raw, "application/json")}
            answer = await here.http.post(f"/{kind}/import", files=files, data={"key": str(uuid4())}, headers={"origin": here.address})
            assert answer.status_code < 500, f"{kind} {raw[:80]!r}"
    await _whole(here)
