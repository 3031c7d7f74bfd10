"""The guard before every page: which requests go on."""

import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.console.guard import BODY_BYTES, Guard, Verdict, Visit, host_name, ours
from bot.console.sessions import Signer
from engine import clock

OPEN = Guard(None)
SIGNER = Signer.of(b"k" * 32, "open sesame")
LOCKED = Guard(SIGNER)
HOST = "127.0.0.1:8420"
POST = Visit("POST", "/chats", HOST, origin=f"http://{HOST}", content_length="12")


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"me:{password}".encode()).decode()


@pytest.mark.parametrize("host", ["localhost", "localhost:8420", "127.0.0.1:1", "[::1]:8420", "LOCALHOST"])
def test_loopback_names_are_answered_without_a_password(host: str) -> None:
    """The console of one's own machine needs no login."""
    assert OPEN.judge(Visit("GET", "/", host)) is Verdict.ALLOW


@given(st.text(max_size=60).filter(lambda host: host_name(host) not in {"localhost", "127.0.0.1", "::1"}))
def test_other_names_are_refused_without_a_password(host: str) -> None:
    """A page of somebody else's that points its own name at 127.0.0.1 gets nothing, whatever it asks for."""
    for path in ("/", "/healthz", "/static/console.css"):
        assert OPEN.judge(Visit("GET", path, host)) is Verdict.MISDIRECTED


def test_a_name_that_begins_or_ends_like_ours_is_not_ours() -> None:
    """Only the whole name counts."""
    for host in ("localhost.evil.example", "evil-localhost", "127.0.0.1.evil.example", "127.0.0.1@evil.example", ""):
        assert OPEN.judge(Visit("GET", "/", host)) is Verdict.MISDIRECTED


def test_a_post_from_our_own_page_goes_on() -> None:
    """Same scheme, name and port."""
    assert OPEN.judge(POST) is Verdict.ALLOW


@given(st.one_of(st.just("null"), st.text(max_size=40)).filter(lambda origin: origin.lower() not in {f"http://{HOST}", f"https://{HOST}"}))
def test_a_post_from_any_other_origin_is_refused(origin: str) -> None:
    """Cross-site request forgery ends here, with or without a cookie."""
    assert OPEN.judge(replace(POST, origin=origin)) is Verdict.FOREIGN
    cookie = SIGNER.issue(clock.now())
    assert LOCKED.judge(replace(POST, origin=origin, cookie=cookie)) is Verdict.FOREIGN


def test_a_post_without_origin_must_be_json_from_no_browser() -> None:
    """A form of another site cannot send JSON, and a browser always says where a request comes from."""
    plain = replace(POST, origin=None)
    assert OPEN.judge(replace(plain, content_type="application/x-www-form-urlencoded")) is Verdict.FOREIGN
    assert OPEN.judge(replace(plain, content_type="text/plain")) is Verdict.FOREIGN
    assert OPEN.judge(replace(plain, content_type="application/json", fetch_site="cross-site")) is Verdict.FOREIGN
    assert OPEN.judge(replace(plain, content_type="Application/JSON; charset=utf-8")) is Verdict.ALLOW


@pytest.mark.parametrize("length", [None, "", "-1", "x", "²", str(BODY_BYTES + 1), "9" * 12])
def test_a_body_must_say_a_modest_length(length: str | None) -> None:
    """Nobody fills the memory with a body."""
    assert OPEN.judge(replace(POST, content_length=length)) is Verdict.TOO_LARGE


def test_with_a_password_pages_need_a_session() -> None:
    """Everything but the login page, its looks and the probes."""
    for path in ("/", "/chats/1", "/timeline/stream", "/metrics", "/api/chats", "/avatars/x.svg", "/staticx"):
        assert LOCKED.judge(Visit("GET", path, "tzurot.example")) is Verdict.LOGIN
    for path in ("/login", "/healthz", "/readyz", "/static/console.css"):
        assert LOCKED.judge(Visit("GET", path, "tzurot.example")) is Verdict.ALLOW


def test_a_session_or_basic_authentication_opens_pages() -> None:
    """People log in; programs send the password with each request."""
    assert LOCKED.judge(Visit("GET", "/", HOST, cookie=SIGNER.issue(clock.now()))) is Verdict.ALLOW
    assert LOCKED.judge(Visit("GET", "/metrics", HOST, authorization=basic("open sesame"))) is Verdict.ALLOW
    assert LOCKED.judge(Visit("GET", "/metrics", HOST, authorization=basic("open sesam"))) is Verdict.LOGIN


@given(st.text(max_size=80))
def test_broken_credentials_are_no_credentials(text: str) -> None:
    """Garbage never opens and never fails."""
    assert LOCKED.judge(Visit("GET", "/", HOST, authorization=text)) is Verdict.LOGIN
    assert LOCKED.judge(Visit("GET", "/", HOST, authorization=f"Basic {text}")) is Verdict.LOGIN
    assert LOCKED.judge(Visit("GET", "/", HOST, cookie=text)) is Verdict.LOGIN


@given(st.text(max_size=60))
def test_a_host_header_of_any_form_is_read(host: str) -> None:
    """Parsing it never fails."""
    assert isinstance(host_name(host), str)
    assert isinstance(ours(Visit("POST", "/", host, origin=f"http://{host}")), bool)
