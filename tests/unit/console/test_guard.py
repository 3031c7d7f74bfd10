"""The guard before every page: which requests go on."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.console.guard import BODY_BYTES, FILE_BYTES, WHOLE_BYTES, WHOLE_PATH, Guard, Verdict, Visit, host_name, ours
from bot.console.sessions import Signer

OPEN = Guard(None)
SIGNER = Signer.of(b"k" * 32, "open sesame")
LOCKED = Guard(SIGNER)
HOST = "127.0.0.1:8420"
POST = Visit("POST", "/chats", HOST, origin=f"http://{HOST}", content_length="12")


@pytest.mark.parametrize("host", ["localhost", "localhost:8420", "127.0.0.1:1", "[::1]:8420", "LOCALHOST"])
def test_loopback_names_are_answered_without_a_password(host: str) -> None:
    """The console of one's own machine needs no login."""
    assert OPEN.judge(Visit("GET", "/", host), known=False) is Verdict.ALLOW


@given(st.text(max_size=60).filter(lambda host: host_name(host) not in {"localhost", "127.0.0.1", "::1"}))
def test_other_names_are_refused_without_a_password(host: str) -> None:
    """A page of somebody else's that points its own name at 127.0.0.1 gets nothing, whatever it asks for."""
    for path in ("/", "/healthz", "/static/console.css"):
        assert OPEN.judge(Visit("GET", path, host), known=False) is Verdict.MISDIRECTED


def test_a_name_that_begins_or_ends_like_ours_is_not_ours() -> None:
    """Only the whole name counts."""
    for host in ("localhost.evil.example", "evil-localhost", "127.0.0.1.evil.example", "127.0.0.1@evil.example", ""):
        assert OPEN.judge(Visit("GET", "/", host), known=False) is Verdict.MISDIRECTED


def test_a_post_from_our_own_page_goes_on() -> None:
    """Same scheme, name and port."""
    assert OPEN.judge(POST, known=False) is Verdict.ALLOW


@given(st.one_of(st.just("null"), st.text(max_size=40)).filter(lambda origin: origin.lower() not in {f"http://{HOST}", f"https://{HOST}"}))
def test_a_post_from_any_other_origin_is_refused(origin: str) -> None:
    """Cross-site request forgery ends here, with or without a cookie."""
    assert OPEN.judge(replace(POST, origin=origin), known=False) is Verdict.FOREIGN
    assert LOCKED.judge(replace(POST, origin=origin), known=True) is Verdict.FOREIGN


def test_a_post_without_origin_must_be_json_from_no_browser() -> None:
    """A form of another site cannot send JSON, and a browser always says where a request comes from."""
    plain = replace(POST, origin=None)
    assert OPEN.judge(replace(plain, content_type="application/x-www-form-urlencoded"), known=False) is Verdict.FOREIGN
    assert OPEN.judge(replace(plain, content_type="text/plain"), known=False) is Verdict.FOREIGN
    assert OPEN.judge(replace(plain, content_type="application/json", fetch_site="cross-site"), known=False) is Verdict.FOREIGN
    assert OPEN.judge(replace(plain, content_type="Application/JSON; charset=utf-8"), known=False) is Verdict.ALLOW


@pytest.mark.parametrize("length", [None, "", "-1", "x", "²", str(BODY_BYTES + 1), "9" * 12])
def test_a_body_must_say_a_modest_length(length: str | None) -> None:
    """Nobody fills the memory with a body."""
    assert OPEN.judge(replace(POST, path="/memory", content_length=length), known=False) is Verdict.TOO_LARGE


@pytest.mark.parametrize("path", ["/chats", "/chats/12/messages", "/characters/import"])
def test_where_pictures_and_cards_are_sent_a_body_may_be_larger(path: str) -> None:
    """And has its bound there, too; what only begins like these has the small one."""
    for added, length, verdict in (
        ("", FILE_BYTES, Verdict.ALLOW),
        ("", FILE_BYTES + 1, Verdict.TOO_LARGE),
        ("/x", BODY_BYTES + 1, Verdict.TOO_LARGE),
    ):
        assert OPEN.judge(replace(POST, path=path + added, content_length=str(length)), known=False) is verdict


def test_whole_backups_have_a_bound_of_their_own() -> None:
    """Where they are sent, and nowhere below it."""
    for path, length, verdict in (
        (WHOLE_PATH, WHOLE_BYTES, Verdict.ALLOW),
        (WHOLE_PATH, WHOLE_BYTES + 1, Verdict.TOO_LARGE),
        (f"{WHOLE_PATH}/x", FILE_BYTES, Verdict.TOO_LARGE),
    ):
        assert OPEN.judge(replace(POST, path=path, content_length=str(length)), known=False) is verdict


def test_with_a_password_pages_need_a_session() -> None:
    """Everything but the login page, its looks and the probes."""
    for path in ("/", "/chats/1", "/timeline/stream", "/metrics", "/api/chats", "/avatars/x.svg", "/staticx"):
        assert LOCKED.judge(Visit("GET", path, "tzurot.example"), known=False) is Verdict.LOGIN
    for path in ("/login", "/healthz", "/readyz", "/static/console.css"):
        assert LOCKED.judge(Visit("GET", path, "tzurot.example"), known=False) is Verdict.ALLOW


def test_whoever_is_known_gets_pages() -> None:
    """People log in; programs send the password with each request."""
    assert LOCKED.judge(Visit("GET", "/", HOST), known=True) is Verdict.ALLOW
    assert LOCKED.judge(Visit("GET", "/metrics", HOST), known=True) is Verdict.ALLOW


@pytest.mark.parametrize("host", ["127.0.0.1:8420", "console", "console.example", "10.0.0.2:80"])
@pytest.mark.parametrize("public", ["https://console.example", "http://console.example:8080", "https://[2001:db8::1]:8443"])
def test_behind_a_proxy_our_pages_have_the_public_origin(host: str, public: str) -> None:
    """Whatever the proxy makes of the Host header; no other origin gets through by it."""
    guard = Guard(SIGNER, public)
    assert guard.judge(replace(POST, host=host, origin=public), known=True) is Verdict.ALLOW
    assert guard.judge(replace(POST, host=host, origin=public.upper()), known=True) is Verdict.ALLOW
    for origin in (f"{public}.evil.example", public.replace("http", "ftp", 1), f"{public}/", "null", "https://evil.example"):
        assert guard.judge(replace(POST, host=host, origin=origin), known=True) is Verdict.FOREIGN
    assert LOCKED.judge(replace(POST, host="127.0.0.1:8420", origin=public), known=True) is Verdict.FOREIGN


def test_the_usual_port_may_be_said_or_left_out() -> None:
    """Browsers leave it out of Origin, some proxies say it in Host."""
    for host, origin in (
        ("a.example:443", "https://a.example"),
        ("a.example", "https://a.example:443"),
        ("a.example:80", "http://a.example"),
    ):
        assert ours(Visit("POST", "/", host, origin=origin))
    assert not ours(Visit("POST", "/", "a.example:443", origin="http://a.example"))


@given(st.text(max_size=60))
def test_a_host_header_of_any_form_is_read(host: str) -> None:
    """Parsing it never fails."""
    assert isinstance(host_name(host), str)
    assert isinstance(ours(Visit("POST", "/", host, origin=f"http://{host}")), bool)
