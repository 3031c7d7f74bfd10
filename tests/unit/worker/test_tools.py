"""What tools do by themselves: dice, pages of the web behind their list, and calls of tools as providers write them."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config import Settings
from engine.errors import SettingsError
from engine.outside import sites
from engine.resources.craft import tools
from engine.resources.craft.tools import Page, Unusable
from projections.prompt import form
from projections.prompt.message import Message, ToolCall, ToolResult
from tests.support.examples import examples
from worker.providers.collector import Collector
from worker.providers.failure import ProviderFailed
from worker.providers.http import Http
from worker.tools import RUN, web
from worker.tools.dice import thrown

HOSTILE = (
    *("http://127.0.0.1/", "https://127.0.0.1/", "https://localhost/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://0.0.0.0/"),
    *(
        "https://10.0.0.1/",
        "https://192.168.1.1/",
        "https://172.16.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://2130706433/",
    ),
    *("https://0x7f000001/", "https://017700000001/", "https://127.1/", "https://metadata.google.internal/", "https://100.64.0.1/"),
    *(
        "file:///etc/passwd",
        "gopher://127.0.0.1:25/_HELO",
        "ftp://open.test/",
        "data:text/html,x",
        "javascript:alert(1)",
        "dict://open.test:11211/",
    ),
    *(
        "https://open.test@127.0.0.1/",
        "https://127.0.0.1#@open.test/",
        "https://open.test:8443/",
        "http://open.test/",
        "https://user:pw@open.test/",
    ),
    *(
        "https://open.test.evil.test/",
        "https://evilopen.test/",
        "https://open.test\\@evil.test/",
        "https://open.test%2f@evil.test/",
        "//open.test/",
    ),
    *(
        "https://evil.test/?open.test",
        "https:///open.test",
        "https://",
        "open.test",
        "https://op en.test/",
        "https://open.test\r\nx: y/",
    ),
    *("https://[fe80::1]/", "https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/", "https://[::]/", "https://ⓔvil.test/"),
)


class _Work:
    """What of a worker the tool looks at."""

    def __init__(self, http: Http, hosts: tuple[str, ...]) -> None:
        self.http, self.settings = http, Settings(web_fetch_hosts=hosts, _env_file=None)


class _Use:
    def __init__(self, http: Http, *hosts: str) -> None:
        self.work = _Work(http, hosts)


@asynccontextmanager
async def canary(*answers: bytes) -> AsyncIterator[tuple[int, list[str]]]:
    """A server on loopback that says these answers, and the first lines of what it was asked."""
    heard: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append((await reader.readline()).decode("latin-1").strip())
        writer.write(answers[(len(heard) - 1) % len(answers)] if answers else b"")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], heard
    finally:
        server.close()


def _page(body: str, kind: str = "text/html") -> bytes:
    return f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n{body}".encode()


def _leading(to: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode()


async def _read(http: Http, url: str, *hosts: str) -> str:
    return (await web.run(_Use(http, *hosts), Page(url=url))).text  # type: ignore[arg-type]  # it looks at no more


async def test_no_address_leads_into_our_own_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """R37: refused before anything is connected to, also where an allowed name stands for a number of ours, or does so the second time."""
    async with canary(_page("secret")) as (port, heard), Http() as http:
        numbers = iter(["127.0.0.1", "10.0.0.7", "::ffff:127.0.0.1", "169.254.169.254"])

        async def looked_up(*_: object, **__: object) -> list[Any]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 443)), (2, 1, 6, "", (next(numbers), port))]

        for url in HOSTILE:
            with pytest.raises(Unusable):
                await _read(http, url, "open.test", "*.sub.test")
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", looked_up)
        for _ in range(4):
            with pytest.raises(Unusable, match="open network"):
                await _read(http, "https://open.test/", "open.test")
        assert heard == []


async def test_a_page_of_an_allowed_origin_is_read_as_text_and_a_redirect_is_vetted_anew() -> None:
    """An origin that the operator wrote out may lie anywhere; what it leads to may not."""
    async with Http() as http:
        async with canary(_page("<title>No</title><script>x()</script><h1>Tide</h1><p>High &amp; dry</p>")) as (port, heard):
            assert await _read(http, f"http://127.0.0.1:{port}/tide?at=9#top", f"http://127.0.0.1:{port}") == "No\nTide\nHigh & dry"
            assert heard == ["GET /tide?at=9 HTTP/1.1"]
        async with canary(_page("never")) as (other, never):
            for to in (f"http://127.0.0.1:{other}/", f"//127.0.0.1:{other}/", "file:///etc/passwd", "https://[::1]/"):
                async with canary(_leading(to)) as (port, heard):
                    with pytest.raises(Unusable):
                        await _read(http, f"http://127.0.0.1:{port}/", f"http://127.0.0.1:{port}")
                    assert len(heard) == 1
            assert never == []
        async with canary(_leading("/again")) as (port, heard):
            with pytest.raises(Unusable, match="without an end"):
                await _read(http, f"http://127.0.0.1:{port}/", f"http://127.0.0.1:{port}")
            assert len(heard) == web.REDIRECTS + 1
        async with canary(_page("x", "image/png"), b"HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n", b"") as (port, _):
            for why in (Unusable, Unusable, ProviderFailed):
                with pytest.raises(why):
                    await _read(http, f"http://127.0.0.1:{port}/", f"http://127.0.0.1:{port}")


def test_a_host_stands_for_itself_and_a_star_for_what_is_below() -> None:
    for url, site, fits in (
        ("https://a.example.org/x", "*.example.org", True),
        ("https://example.org/x", "*.example.org", False),
        ("https://EXAMPLE.org./x", "example.org", True),
        ("https://notexample.org/", "example.org", False),
    ):
        try:
            found = bool(sites.target(url, (site,)))
        except sites.Forbidden:
            found = False
        assert found is fits, url


@pytest.mark.parametrize("hosts", ["https://example.org/path", "ftp://example.org", "user@example.org", "example.org:99", "a b/c"])
def test_a_list_of_hosts_that_cannot_be_used_is_refused_in_a_sentence(hosts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine import config

    monkeypatch.setenv("WEB_FETCH_HOSTS", hosts)
    with pytest.raises(SettingsError, match="WEB_FETCH_HOSTS must be hosts as"):
        config.load(None)


@examples(100)
@given(st.text(max_size=400))
def test_a_page_never_breaks_the_reader(page: str) -> None:
    assert "<script" not in web.plain(f"<script>{page.replace('</', '')}</script>{page}").lower() or "<script" in page.lower()


def test_dice_are_thrown_within_their_sides_and_the_same_seed_throws_the_same() -> None:
    assert thrown("4d6 + 2", random.Random("a")) == thrown("4d6+2", random.Random("a"))
    for seed in range(50):
        text = thrown("2d6-1", random.Random(seed))
        rolls, _, total = text.partition(" = ")
        assert eval(rolls) == int(total)
        assert 1 <= int(total) <= 11
    for odd in ("", "d", "0d6", "101d6", "2d0", "1d100001", "2d6*2", "d6; rm", "٣d6"):
        with pytest.raises(Unusable, match="written as"):
            thrown(odd, random.Random(0))


def test_every_tool_is_carried_out_and_offered_with_a_schema() -> None:
    assert tuple(RUN) == tuple(tools.TOOLS)
    for tool in tools.offered(tuple(tools.TOOLS)):
        assert tool["function"]["parameters"]["type"] == "object"
        assert b'"title"' not in orjson.dumps(tool)
    with pytest.raises(Unusable, match="There are: dice"):
        tools.asked("web", "{}", ("dice",))
    for arguments in ("", "null", "[]", '{"dice": 7}', "{", '{"dice": "' + "9" * 500 + '"}'):
        with pytest.raises(Unusable, match="asked wrongly"):
            tools.asked("dice", arguments, ("dice",))


def _collected(*deltas: object, offered: bool = True, whole: bool = False) -> Collector:
    collector = Collector(offered=offered)
    for delta in deltas:
        choice = {"index": 0, "message" if whole else "delta": {"tool_calls": delta}, "finish_reason": None}
        collector.feed(b"data: " + orjson.dumps({"choices": [choice]}) + b"\n\n")
    collector.feed(b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}\n\ndata: [DONE]\n\n')
    collector.end()
    return collector


def _call(index: int | None, name: str, arguments: object, id_: str | None = "") -> dict[str, object]:
    return {"index": index, "id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


@pytest.mark.parametrize(
    ("deltas", "asked"),
    [
        ([[_call(0, "dice", '{"di', "a")], [_call(0, "", 'ce": "d6"}')]], [("dice", '{"dice": "d6"}')]),
        ([[_call(0, "dice", "{}", "a"), _call(1, "time", "{}", "b")]], [("dice", "{}"), ("time", "{}")]),
        ([[_call(0, "dice", "{}", "a")], [_call(0, "time", "{}", "b")]], [("dice", "{}"), ("time", "{}")]),
        ([[_call(None, "dice", {"dice": "d6"})]], [("dice", '{"dice":"d6"}')]),
        ([[_call(0, "dice", "{}", "a")], [_call(0, "dice", "", "a")]], [("dice", "{}")]),
        ([[None, 7, {"function": 3}, _call(0, "dice", None, None)]], [("dice", "")]),
    ],
)
def test_calls_of_tools_are_put_together_from_whatever_form_they_come_in(deltas: list[object], asked: list[tuple[str, str]]) -> None:
    found = _collected(*deltas).outcome(200, {})
    assert [(one.name, one.arguments) for one in found.calls] == asked
    assert found.left_out == ()


def test_a_call_of_a_tool_that_was_not_offered_is_no_answer() -> None:
    with pytest.raises(ProviderFailed) as failed:
        _collected([_call(0, "dice", "{}", "a")], offered=False).outcome(200, {})
    assert failed.value.fault.category == "empty_response"
    many = _collected([_call(n, "dice", "x" * 10_000, str(n)) for n in range(60)]).outcome(200, {})
    assert len(many.calls) == 16
    [long] = _collected([_call(0, "dice", "x" * 100_000)]).outcome(200, {}).calls
    assert len(long.arguments) == 16_384


def test_a_model_that_knows_no_tools_is_told_in_words_what_they_gave() -> None:
    said = [
        Message.of("user", "Roll"),
        Message("assistant", (ToolCall("u", "dice", "{}"),)),
        Message("tool", (ToolResult("u", "<shows>\n4\n</shows>"),)),
    ]
    plain = [message.as_json() for message in form.shaped(said, ("no_tools",))]
    assert [one["role"] for one in plain] == ["user", "assistant", "user"]
    assert plain[1]["content"] == "[uses dice: {}]"
    assert all("tool_calls" not in one and "tool_call_id" not in one for one in plain)
