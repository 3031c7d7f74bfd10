"""Judging passwords: guessers wait, the operator does not wait with them."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.console import door as module
from bot.console.door import CROWD, PEERS, TRIES, WINDOW_SECONDS, Answer, Brake, Caller, Door, peer_of
from bot.console.sessions import Signer

SIGNER = Signer.of(b"m" * 32, "correct horse")


def test_guessing_is_slowed_down() -> None:
    """After some wrong passwords a peer may not try for a while, then again; others may."""
    brake = Brake()
    for second in range(TRIES):
        assert brake.wait(float(second), "a") == 0
        brake.wrong(float(second), "a")
    assert brake.wait(float(TRIES), "a") > 0
    assert brake.wait(float(TRIES), "b") == 0
    assert brake.wait(WINDOW_SECONDS + 0.5, "a") == 0


@given(st.lists(st.tuples(st.floats(0, 5), st.sampled_from("abc")), max_size=60))
def test_no_peer_gets_more_tries_than_allowed_in_any_window(steps: list[tuple[float, str]]) -> None:
    """Whatever the rhythm of its guesses."""
    brake, now, judged = Brake(), 0.0, list[tuple[float, str]]()
    for pause, peer in steps:
        now += pause
        if brake.wait(now, peer) == 0:
            brake.wrong(now, peer)
            judged.append((now, peer))
    for at, peer in judged:
        assert sum(p == peer and at <= t < at + WINDOW_SECONDS for t, p in judged) <= TRIES


def test_the_brake_stays_small() -> None:
    """However many addresses guess."""
    brake = Brake()
    for n in range(PEERS + 50):
        brake.wrong(0.0, str(n))
    assert len(brake._wrong) == PEERS
    assert len(brake._all) <= CROWD + 1


async def test_a_guesser_does_not_lock_out_anybody_else() -> None:
    """Neither another peer nor a browser at the same address that knew the password."""
    door = Door(SIGNER)
    found = [(await door.judge(f"guess {n}", Caller("10.0.0.1"))).answer for n in range(TRIES + 3)]
    assert found == [Answer.WRONG] * TRIES + [Answer.WAIT] * 3
    assert (await door.judge("correct horse", Caller("10.0.0.1"))).answer is Answer.WAIT
    assert (await door.judge("correct horse", Caller("10.0.0.2"))).answer is Answer.RIGHT
    assert (await door.judge("correct horse", Caller("10.0.0.1", SIGNER.issue_device()))).answer is Answer.RIGHT
    assert (await door.judge("correct horse", Caller("10.0.0.1", "f" * 32 + "." + "0" * 64))).answer is Answer.WAIT


async def test_many_guessers_pass_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the operator still gets in: at once from where they logged in before, after a short wait from a new place."""
    monkeypatch.setattr(module, "PASS_SECONDS", 0.001)
    door = Door(SIGNER)
    assert (await door.judge("correct horse", Caller("192.0.2.1"))).answer is Answer.RIGHT
    for n in range(CROWD):
        await door.judge("guess", Caller(f"10.0.0.{n}"))
    found = await asyncio.gather(*(door.judge("guess", Caller(f"10.1.{n}.1")) for n in range(200)))
    judged = sum(one.answer is Answer.WRONG for one in found)
    assert judged <= module.QUEUE
    assert all(one.answer in {Answer.WRONG, Answer.WAIT} for one in found)
    monkeypatch.setattr(module, "ABREAST", 0)
    assert (await door.judge("correct horse", Caller("192.0.2.1"))).answer is Answer.RIGHT
    assert (await door.judge("correct horse", Caller("198.51.100.7"))).answer is Answer.RIGHT


@pytest.mark.parametrize(
    ("client", "forwarded", "proxied", "peer"),
    [
        ("9.9.9.9", "198.51.100.1", False, "9.9.9.9"),
        ("9.9.9.9", "198.51.100.1", True, "9.9.9.9"),
        ("127.0.0.1", "198.51.100.1", False, "127.0.0.1"),
        ("127.0.0.1", "1.2.3.4, 198.51.100.1", True, "198.51.100.1"),
        ("10.0.0.2", "198.51.100.1", True, "198.51.100.1"),
        ("127.0.0.1", "nonsense", True, "127.0.0.1"),
        ("::ffff:203.0.113.5", "", False, "203.0.113.5"),
        ("2001:db8:1:2:3::4", "", False, "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "", False, "fe80::/64"),
        ("", "", False, ""),
    ],
)
def test_a_peer_is_who_really_asks(client: str, forwarded: str, proxied: bool, peer: str) -> None:
    """A proxy nearby is believed when PUBLIC_URL says there is one; a stranger's claim never."""
    assert peer_of(client, {"x-forwarded-for": forwarded}, proxied=proxied) == peer
