"""Session cookies: only ours, only for a while."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.console.pages.login import inside
from bot.console.sessions import LIFETIME, Signer

NOW = datetime(2026, 5, 1, tzinfo=UTC)
SIGNER = Signer.of(b"m" * 32, "correct horse")


def test_an_issued_cookie_is_valid_until_it_runs_out() -> None:
    """And not a second longer."""
    cookie = SIGNER.issue(NOW)
    assert SIGNER.valid(cookie, NOW)
    assert SIGNER.valid(cookie, NOW + LIFETIME - timedelta(seconds=1))
    assert not SIGNER.valid(cookie, NOW + LIFETIME)


def test_another_password_or_master_key_ends_all_sessions() -> None:
    """Changing the password logs everybody out."""
    cookie = SIGNER.issue(NOW)
    assert not Signer.of(b"m" * 32, "correct horses").valid(cookie, NOW)
    assert not Signer.of(b"n" * 32, "correct horse").valid(cookie, NOW)


@given(st.integers(0, 200), st.characters())
def test_a_changed_cookie_is_worthless(place: int, character: str) -> None:
    """No single change makes another valid cookie."""
    cookie = SIGNER.issue(NOW)
    at = place % len(cookie)
    changed = cookie[:at] + character + cookie[at + 1 :]
    assert SIGNER.valid(changed, NOW) == (changed == cookie)


@given(st.one_of(st.none(), st.text(max_size=100)))
def test_an_invented_cookie_is_worthless(cookie: str | None) -> None:
    """Whatever it holds."""
    assert not SIGNER.valid(cookie, NOW)


@given(st.text(max_size=60))
def test_only_the_password_is_right(attempt: str) -> None:
    """Whole and exactly, in any script."""
    assert SIGNER.right("correct horse")
    assert SIGNER.right(attempt) == (attempt == "correct horse")
    assert Signer.of(b"m" * 32, attempt).right(attempt)


@given(
    st.one_of(
        st.text(max_size=40),
        st.sampled_from(["//evil.example", "/\\evil.example", "http://evil.example", "/login", "/a\nb", "javascript:alert(1)"]),
    )
)
def test_after_the_login_one_stays_inside(path: str) -> None:
    """Wherever `next` points, the browser goes to a path of ours."""
    target = inside(path)
    assert target.startswith("/")
    assert not target.startswith(("//", "/\\", "/login"))
    assert "\\" not in target
    assert target.isprintable()


def test_a_page_of_ours_is_returned_to() -> None:
    """Who asked for a page gets it after the login."""
    assert inside("/turns/abc") == "/turns/abc"


def test_each_login_is_a_session_of_its_own() -> None:
    """So that one can be ended without the others."""
    first, second = SIGNER.session(SIGNER.issue(NOW), NOW), SIGNER.session(SIGNER.issue(NOW), NOW)
    assert first is not None
    assert second is not None
    assert first.id != second.id


def test_a_device_cookie_is_no_session() -> None:
    """It only says that this browser knew the password once."""
    device = SIGNER.issue_device()
    assert SIGNER.device(device) is not None
    assert SIGNER.device(device[:-1] + ("0" if device[-1] != "0" else "1")) is None
    assert not SIGNER.valid(device, NOW)
    assert SIGNER.device(SIGNER.issue(NOW)) is None
    assert Signer.of(b"n" * 32, "correct horse").device(device) is None
