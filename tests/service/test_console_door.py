"""The console's door over real HTTP: who gets in, and what every answer carries."""

import asyncio
import re
from base64 import b64encode
from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import pytest
from pydantic import SecretStr

from bot.console import connection, guard
from bot.console.__main__ import CannotListen, address_of, door, listening
from bot.console.app import ROUTES
from bot.console.guard import BODY_BYTES, HEADERS
from bot.console.sessions import COOKIE
from engine.config import Settings, is_loopback
from engine.errors import SettingsError
from engine.process import NEEDS_A_PERSON
from engine.vault import load_master_key
from tests.support import forks
from tests.support.site import Site, site


@pytest.fixture
async def here(settings: Settings) -> AsyncIterator[Site]:
    async with site(settings) as opened:
        yield opened


@pytest.fixture
async def locked(settings: Settings) -> AsyncIterator[Site]:
    async with site(settings.model_copy(update={"console_password": SecretStr("open sesame")})) as opened:
        yield opened


async def test_every_answer_carries_the_policy(here: Site) -> None:
    """Pages, pictures, errors and probes; pages are never kept by a cache."""
    for path in ("/", "/timeline", "/static/console.css", "/healthz", "/nope", "/avatars/00000000-0000-0000-0000-000000000001.svg"):
        response = await here.http.get(path)
        for name, value in HEADERS.items():
            assert response.headers[name] == value, path
    assert (await here.http.get("/")).headers["cache-control"] == "no-store"


async def test_another_name_for_this_machine_gets_nothing(here: Site) -> None:
    """DNS rebinding ends at the Host header."""
    response = await here.http.get("/timeline", headers={"host": "evil.example"})
    assert response.status_code == 421
    assert "localhost" in response.text
    assert "<html" not in response.text


async def test_a_form_of_another_site_changes_nothing(here: Site) -> None:
    """Cross-site posts are refused before anything is read."""
    for headers in ({"origin": "https://evil.example"}, {"origin": "null"}, {}, {"sec-fetch-site": "cross-site"}):
        response = await here.http.post("/chats", data={"character": "wren", "text": "hi"}, headers=headers)
        assert response.status_code == 403
    assert not await here.events(["message.received"])


async def test_a_huge_body_is_refused(here: Site) -> None:
    """Before it is read, or without saying how long it is."""
    response = await here.form("/presets", {"name": "x" * (BODY_BYTES + 1)})
    assert response.status_code == 413

    async def endless() -> AsyncIterator[bytes]:
        yield b"text=x"

    chunked = await here.http.post("/presets", content=endless(), headers={"origin": here.address})
    assert chunked.status_code == 413


async def test_without_the_password_there_is_only_the_login_page(locked: Site) -> None:
    """Pages lead there; programs and streams get 401; probes answer."""
    response = await locked.http.get("/turns/abc")
    assert (response.status_code, response.headers["location"]) == (303, "/login?next=/turns/abc")
    for path in ("/api/chats/1/messages", "/metrics"):
        assert (await locked.http.get(path)).status_code == 401
    assert (await locked.http.post("/api/chats", json={"text": "hi", "character": "wren"})).status_code == 401
    assert (await locked.http.get("/healthz")).status_code == 200
    login = await locked.http.get("/login")
    assert login.status_code == 200
    assert "/timeline" not in login.text
    assert "Log out" not in login.text


async def test_no_address_answers_a_stranger_but_those_that_must(locked: Site) -> None:
    """Every route by every method: the login page, probes, the hook of releases, files of the page's looks; nothing else, and no count."""
    told: dict[str, set[int]] = {}
    for route in ROUTES:
        path = re.sub(r"\{[^}]*:uuid\}", str(UUID(int=1)), getattr(route, "path", ""))
        path = re.sub(r"\{[^}]*\}", "1", path)
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE"):
            headers = {"content-type": "application/json"} if method not in {"GET", "HEAD"} else {}
            answer = await locked.http.request(method, path, headers=headers, content=b"{}" if headers else None)
            told.setdefault(path, set()).add(answer.status_code)
            assert "wren" not in answer.text.lower()
    let_in = {path for path, statuses in told.items() if not statuses <= {303, 401, 413}}
    assert let_in == {"/healthz", "/readyz", "/login", "/favicon.ico", "/hooks/release"}


async def test_the_password_opens_a_session(locked: Site) -> None:
    """In a cookie that scripts and other sites do not see; logging out drops it."""
    wrong = await locked.form("/login", {"password": "open sesam", "next": "/turns"})
    assert wrong.status_code == 401
    assert COOKIE not in wrong.cookies
    right = await locked.form("/login", {"password": "open sesame", "next": "/turns"})
    assert (right.status_code, right.headers["location"]) == (303, "/turns")
    cookie = right.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert (await locked.http.get("/turns")).status_code == 200
    out = await locked.form("/logout", {})
    assert out.headers["location"] == "/login"
    assert (await locked.http.get("/turns")).status_code == 303


async def test_programs_may_send_the_password_each_time(locked: Site) -> None:
    """As Prometheus does."""
    assert (await locked.http.get("/metrics", auth=httpx.BasicAuth("x", "open sesame"))).status_code == 200
    assert (await locked.http.get("/metrics", auth=httpx.BasicAuth("x", "guess"))).status_code == 401


async def test_odd_passwords_and_sessions_open_nothing_and_break_nothing(locked: Site) -> None:
    """In a header, in the form, in the cookie: wrong, or too many of them."""
    texts = [b"", b":", b"nocolon", b"x:\xff\xfe", b"x:a\0b", b"x:" + b"y" * 5_000, "x:open sesame\u200b".encode(), "x:\U0001f600".encode()]
    headers = ["Basic", "Basic !!!", "Basic eDpv===", "Bearer x", *(f"Basic {b64encode(text).decode()}".strip() for text in texts)]
    for header in headers:
        assert (await locked.http.get("/metrics", headers={"authorization": header})).status_code in (401, 429), header
    for word in ("", "\0", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), "x" * 20_000, "open sesame ", "OPEN SESAME"):
        assert (await locked.form("/login", {"password": word})).status_code in (401, 429), word[:20]
    for cookie in ("", ".", "x.y", "f" * 32 + "." + "0" * 64, "9" * 3_000, "%00", "a.b.c.d"):
        shown = await locked.http.get("/turns", headers={"cookie": f"{COOKIE}={cookie}"})
        assert shown.status_code == 303, cookie
    async with httpx.AsyncClient(base_url=locked.address, transport=httpx.AsyncHTTPTransport(local_address="127.0.0.2")) as other:
        assert (await other.get("/metrics", auth=httpx.BasicAuth("x", "open sesame"))).status_code == 200


async def test_guessing_by_basic_authentication_is_stopped_too(locked: Site) -> None:
    """One brake for every way in: what was guessed by one counts by the other."""
    guess = httpx.BasicAuth("x", "guess")
    answers = [(await locked.http.get(path, auth=guess)).status_code for path in ("/metrics", "/api/chats/1", "/healthz")]
    assert answers == [401, 401, 200]
    answers = [(await locked.http.get("/metrics", auth=guess)).status_code for _ in range(3)]
    assert answers == [401, 401, 429]
    assert (await locked.http.get("/metrics", auth=httpx.BasicAuth("x", "open sesame"))).status_code == 429
    assert (await locked.form("/login", {"password": "open sesame"})).status_code == 429
    async with httpx.AsyncClient(base_url=locked.address, transport=httpx.AsyncHTTPTransport(local_address="127.0.0.2")) as other:
        assert (await other.get("/metrics", auth=httpx.BasicAuth("x", "open sesame"))).status_code == 200


async def test_a_session_that_was_logged_out_opens_nothing(locked: Site, settings: Settings) -> None:
    """Whoever kept its cookie stays outside, also at a console that starts later."""
    right = await locked.form("/login", {"password": "open sesame"})
    cookie = {"cookie": f"{COOKIE}={right.cookies[COOKIE]}"}
    async with httpx.AsyncClient(base_url=locked.address, headers=cookie) as thief:
        assert (await thief.get("/turns")).status_code == 200
        await locked.form("/logout", {})
        assert (await thief.get("/turns")).status_code == 303
        assert (await thief.get("/api/chats/1/messages")).status_code == 401
    async with site(settings.model_copy(update={"console_password": SecretStr("open sesame")})) as later:
        assert (await later.http.get("/turns", headers=cookie)).status_code == 303


async def test_strangers_are_told_no_counts(locked: Site) -> None:
    """A probe says whether it is well; who is logged in learns how."""
    assert (await locked.http.get("/healthz")).json().keys() == {"status"}
    assert (await locked.http.get("/readyz")).json() == {"ok": True}
    known = httpx.BasicAuth("x", "open sesame")
    assert "processes" in (await locked.http.get("/healthz", auth=known)).json()
    assert "put_aside" in (await locked.http.get("/readyz", auth=known)).json()


async def test_behind_a_proxy_forms_work_and_cookies_are_secure(settings: Settings) -> None:
    """With PUBLIC_URL; without it the refusal names both addresses and the setting."""
    locked = settings.model_copy(update={"console_password": SecretStr("open sesame")})
    proxy = {"origin": "https://console.example", "x-forwarded-host": "console.example", "x-forwarded-for": "198.51.100.1"}
    async with site(locked.model_copy(update={"public_url": "https://console.example"})) as here:
        entered = await here.http.post("/login", data={"password": "open sesame"}, headers=proxy)
        assert entered.status_code == 303
        assert all("; secure" in value.lower() for value in entered.headers.get_list("set-cookie"))
        session = {"cookie": f"{COOKIE}={entered.cookies[COOKIE]}", **proxy}
        begun = await here.http.post("/chats", data={"character": "wren", "text": "Hello"}, headers=session)
        assert begun.status_code == 303
        async with here.http.stream("GET", f"{begun.headers['location']}/stream", headers=session) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            assert stream.headers["x-accel-buffering"] == "no"
        here.console.feed.close()
    async with site(locked) as here:
        refused = await here.http.post("/login", data={"password": "open sesame"}, headers=proxy)
        assert refused.status_code == 403
        for word in ("https://console.example", here.address.removeprefix("http://"), "PUBLIC_URL"):
            assert word in refused.text


async def test_half_a_request_does_not_stay(locked: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a connection that says nothing, nor half a head, nor a second one after an answer, nor half a body."""
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.05)
    monkeypatch.setattr(guard, "BODY_SECONDS", 0.05)
    host = locked.address.removeprefix("http://")
    head = f"POST /login HTTP/1.1\r\nHost: {host}\r\nOrigin: {locked.address}\r\nContent-Length: 30\r\n"
    whole = f"GET /login HTTP/1.1\r\nHost: {host}\r\n\r\n"
    form = "Content-Type: application/x-www-form-urlencoded\r\n\r\npassword="
    for said, answer in (("", b""), ("GET / HT", b""), (whole + "GET /", b"200 OK"), (head + form, b"408")):
        reader, writer = await asyncio.open_connection(*host.split(":"))
        writer.write(said.encode())
        async with asyncio.timeout(60):
            assert answer in await reader.read()  # until the console closes it
        writer.close()


async def test_guessing_is_stopped_for_a_while(locked: Site) -> None:
    """Also for whoever finds the right one then."""
    answers = [(await locked.form("/login", {"password": f"guess {n}"})).status_code for n in range(6)]
    assert answers == [401] * 5 + [429]
    assert (await locked.form("/login", {"password": "open sesame"})).status_code == 429


def test_the_door_never_stands_open(settings: Settings) -> None:
    """Binding where others can reach it needs a password; the sentence says what to do."""
    master = load_master_key(settings)
    for host in ("0.0.0.0", "::", "192.168.1.5", "tzurot.example"):
        exposed = settings.model_copy(update={"console_host": host})
        with pytest.raises(SettingsError, match="CONSOLE_PASSWORD"):
            door(exposed, master)
        assert door(exposed.model_copy(update={"console_password": SecretStr("x")}), master) is not None
    assert door(settings, master) is None
    with pytest.raises(SettingsError, match=r"PUBLIC_URL.*CONSOLE_PASSWORD"):
        door(settings.model_copy(update={"public_url": "https://console.example"}), master)
    assert is_loopback("127.8.9.1")
    assert is_loopback("::1")


def test_a_taken_port_is_one_sentence() -> None:
    """With the setting that helps."""
    with listening("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        assert address_of(taken) == f"http://127.0.0.1:{port}"
        with pytest.raises(CannotListen, match="CONSOLE_PORT"), listening("127.0.0.1", port):
            pass
    with pytest.raises(CannotListen, match="CONSOLE_HOST"), listening("no.such.host.invalid", 0):
        pass


CONSOLE = "from bot.console.__main__ import main; from engine import process; process.run(main, service='console')"


async def test_the_process_ends_with_a_sentence_and_its_own_code(settings: Settings) -> None:
    """69 for a taken port, 78 for settings that only a person can correct; no stack either way."""
    with listening("127.0.0.1", 0) as taken:
        taken.listen()
        environment = {
            "PATH": "/usr/bin:/bin",
            "DATABASE_URL": str(settings.database_url),
            "TZUROT_DATA": str(settings.tzurot_data),
            "MASTER_KEY": "00" * 32,
            "CONSOLE_PORT": str(taken.getsockname()[1]),
        }
        for change, code, sentence in (({"CONSOLE_HOST": "0.0.0.0"}, NEEDS_A_PERSON, "CONSOLE_PASSWORD"), ({}, 69, "CONSOLE_PORT")):
            done = await forks.script(CONSOLE, environment=environment | change)
            assert done.code == code
            assert sentence in done.errors
            assert "Traceback" not in done.errors
