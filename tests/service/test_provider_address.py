"""The provider's address: what is wrong with it is told as that, before the first conversation and after."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from engine import seed
from engine.config import Settings
from engine.errors import SettingsError
from engine.events.turn import TurnCompleted, TurnFailed
from engine.fault import Category
from tests.service.test_provider_faults import MODEL, ask, permit
from tests.support.provider import odd
from tests.support.provider.room import Person, room, with_provider
from tests.support.provider.server import FaultServer, Raw, Stream, event
from worker.providers import tried
from worker.providers.chat import Endpoint, complete
from worker.providers.failure import ProviderFailed
from worker.providers.http import Http, Way

WRONG = "The address of the provider is not right"
CHARACTER = seed.samples()[0].character_id


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    async with Http() as client:
        yield client


@pytest.mark.parametrize("kind", odd.TYPES)
@pytest.mark.parametrize("name", ["no blank after the colon", "Ollama's lines", "a picture beside the words"])
async def test_the_body_is_looked_at_and_not_its_header(http: Http, kind: str, name: str) -> None:
    """A stream as text, as JSON, as a page, or as nothing at all is a stream."""
    assert (await ask(http, Raw(odd.ODD_STREAMS[name], content_type=kind))).text == odd.HELLO


@pytest.mark.parametrize("kind", ["text/event-stream", "text/html", ""])
async def test_a_document_under_any_header_is_a_document(http: Http, kind: str) -> None:
    """Also when a stream was asked for."""
    assert (await ask(http, Raw(odd.ODD_BODIES["over many lines"], content_type=kind))).text == odd.HELLO


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (odd.ODD_BODIES["an event stream, compressed"], "gzip"),
        (odd.ODD_BODIES["an event stream, compressed"], None),
        (odd.ODD_BODIES["compressed"], "identity"),
        (odd.DEFLATED, "deflate"),
        (odd.GOOD, "gzip"),
        (odd.GOOD, "deflate"),
    ],
)
async def test_compression_is_undone_by_what_the_bytes_are(http: Http, body: bytes, encoding: str | None) -> None:
    """With the header, without it, and where it lies."""
    headers = (("content-encoding", encoding),) if encoding else ()
    assert (await ask(http, Raw(body, content_type="text/event-stream", headers=headers))).text == odd.HELLO


WRONG_ANSWERS = [
    (Raw(b"", 301), "without saying where"),
    (Raw(b"<html>moved</html>", 302, "text/html", (("location", "https://other.example/v1?key=hidden"),)), "https://other.example/v1"),
    (Raw(b"", 307, headers=(("location", "/api/v1/chat/completions"),)), "/api/v1/chat/completions"),
    (Raw(b"{}", 308, headers=(("location", "http://user:hidden@other.example/"),)), "http://other.example/"),
    (Raw(b"", 307, headers=(("location", "//[::1"),)), "//[::1"),
    (Raw(b"", 302, headers=(("location", "javascript:alert(1)"),)), "javascript:"),
    (Raw(b"", 303, headers=(("location", "file:///etc/passwd"),)), "file:///etc/passwd"),
    (Raw(b"", 301, headers=(("location", "http://a:99999/"),)), "a:99999"),
    (Raw(b"", 308, headers=(("location", "https://x.example/" + "a" * 60_000),)), "https://x.example/aaa"),
    (Raw(b"<html><h1>404 Not Found</h1></html>", 404, "text/html"), "chat/completions"),
    (Raw(b"404 page not found", 404, "text/plain"), "chat/completions"),
    (Raw(b'{"detail":"Not Found"}', 404), "chat/completions"),
    (Raw(b"Method Not Allowed", 405, "text/plain"), "chat/completions"),
]


@pytest.mark.parametrize(("answer", "target"), WRONG_ANSWERS)
async def test_a_wrong_address_is_told_with_where_it_leads(http: Http, answer: Raw, target: str) -> None:
    """To whoever runs the bot; people read no address, and nobody asks another model at the same place."""
    with pytest.raises(ProviderFailed) as failed:
        await ask(http, answer)
    fault = failed.value.fault
    assert fault.category is Category.WRONG_ADDRESS
    assert WRONG in fault.technical_details
    assert target in fault.technical_details
    assert "hidden" not in fault.technical_details
    assert WRONG in fault.user_message
    assert "://" not in fault.user_message + fault.said
    assert (fault.kind.retry, fault.kind.fallback) == (False, False)


@pytest.mark.parametrize(
    "url", ["http://nowhere.invalid/v1", "http://127.0.0.1:9/v1", "ftp://127.0.0.1/v1", "http://[::bad/v1", "nonsense"]
)
async def test_nobody_at_the_address_is_told_as_that(http: Http, url: str) -> None:
    """No such host, nobody listening, no address at all."""
    with pytest.raises(ProviderFailed) as failed:
        await complete(http, Endpoint("x", url), permit(), {"model": MODEL}, seconds=10)
    assert failed.value.fault.technical_details.startswith(WRONG)


async def found(address: str, key: str | None = None, **more: object) -> tuple[bool, str]:
    """What doctor says of an address."""
    settings = Settings(provider_base_url=address, provider_api_key=SecretStr(key) if key else None, **more)  # type: ignore[arg-type]  # test
    findings = await asyncio.to_thread(tried.look, settings)
    return findings[-1].ok, findings[-1].detail


async def test_doctor_says_what_answers_at_the_address() -> None:
    """A list of models; a missing /v1 and what to write instead; nobody; a key that is refused."""
    async with FaultServer.running() as provider:
        provider.models = [{"id": "a/b"}, {"id": "c/d"}]
        assert await found(provider.address) == (True, f"{provider.address} answers and offers 2 models")
    ok, detail = await found("http://127.0.0.1:9/v1")
    assert (ok, detail.startswith(WRONG)) == (False, True)
    async with _pages() as base:
        ok, detail = await found(base)
        assert not ok
        assert f"{base}/v1 answers. Set PROVIDER_BASE_URL to that." in detail
        ok, detail = await found(f"{base}/refuses", "sk-secret-0123456789")
        assert not ok
        assert "PROVIDER_API_KEY" in detail
        assert "0123456789" not in detail


@asynccontextmanager
async def _pages() -> AsyncIterator[str]:
    """A web server that has an API below /v1 only, and one that refuses keys below /refuses."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        path = head.split(" ")[1]
        status, body = (200, b'{"data": [{"id": "m"}]}') if path.startswith("/v1/") else (404, b"<html><h1>Not Found</h1></html>")
        if path.startswith("/refuses"):
            status, body = 401, b'{"error": {"message": "Incorrect API key provided: sk-secret-0123456789"}}'
        writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def test_a_proxy_of_another_kind_is_refused_before_anything_is_called() -> None:
    """One of SOCKS would end the process at its first call."""
    for address in ("socks5://127.0.0.1:9", "socks5h://u:hidden@h", "host:3128", "ftp://h"):
        with pytest.raises(SettingsError, match="PROVIDER_PROXY is no proxy of HTTP's") as caught:
            Http(Way(proxy=address))
        assert "hidden" not in str(caught.value)
    odd = ("http://", "http://:hidden@", "http://u:hidden@ p:1", "http://p:0", "http://p:99999", "http://p:x", "http://::1:3128")
    for address in (*odd, "http://u:hidden#1@p:3128", "http://u:hidden/1@p:3128", "http://p:1,http://q:1"):
        with pytest.raises(SettingsError, match="PROVIDER_PROXY is no address of a proxy") as caught:
            Http(Way(proxy=address))
        assert "hidden" not in str(caught.value)


async def test_calls_go_through_the_proxy_that_is_set() -> None:
    """It is asked for the whole address; when it refuses, that is told and no password of it."""
    async with FaultServer.running() as provider, _forwarding(provider.address) as proxy:
        async with Http(Way(proxy=proxy)) as client:
            said = await complete(
                client, Endpoint("x", "http://provider.example/v1"), permit(), {"model": MODEL, "stream": True}, seconds=10
            )
        assert said.text == "Well, hello there."
        assert provider.journal[0].path == "http://provider.example/v1/chat/completions"
    assert "hidden" not in repr(Way(proxy="http://u:hidden@127.0.0.1:1"))
    async with Http(Way(proxy="http://u:hidden@127.0.0.1:9")) as client:
        with pytest.raises(ProviderFailed) as failed:
            await complete(client, Endpoint("x", "http://provider.example/v1"), permit(), {"model": MODEL}, seconds=10)
    assert "hidden" not in failed.value.fault.technical_details
    assert "or at the proxy of PROVIDER_PROXY" in failed.value.fault.technical_details


@asynccontextmanager
async def _forwarding(address: str) -> AsyncIterator[str]:
    """The stand-in is its own proxy: it takes a whole address for a path."""
    yield address.removesuffix("/v1")


@pytest.mark.parametrize(
    ("text", "why"), [(None, "No such file"), ("hello", "no certificate in PEM form"), ("", "no certificate in PEM form")]
)
async def test_an_authority_that_cannot_be_read_is_said_by_doctor_and_at_start(tmp_path: Path, text: str | None, why: str) -> None:
    """By the name of the setting."""
    file = tmp_path / "ca.pem"
    if text is not None:
        file.write_text(text)
    ok, detail = await found("http://127.0.0.1:9/v1", provider_ca_file=file)
    assert (ok, "PROVIDER_CA_FILE" in detail, why in detail) == (False, True, True)
    with pytest.raises(SettingsError, match="PROVIDER_CA_FILE"):
        Http(Way(ca_file=file))


async def test_a_private_authority_is_trusted_beside_the_usual_ones(tmp_path: Path) -> None:
    """The certificates of the machine stay."""
    usual = len(Way().trust().get_ca_certs())
    pem = ssl.DER_cert_to_PEM_cert(Way().trust().get_ca_certs(binary_form=True)[0])
    (tmp_path / "ca.pem").write_text(pem)
    assert len(Way(ca_file=tmp_path / "ca.pem").trust().get_ca_certs()) >= usual > 10


ODD_NAMES = ["a\\u0000b", "x" * 9000, "\\ud800", "a\\r\\nb\\u001b[31m", "\U0001f600" * 3000]


async def test_odd_names_from_a_provider_stop_nobody(settings: Settings) -> None:
    """NUL, nine thousand characters, half a pair, control characters: each gets the reply, and so does the next person (R43)."""
    async with FaultServer.running() as provider, room(with_provider(settings, provider.address, default_model="vendor/odd")) as person:
        for number, name in enumerate(ODD_NAMES):
            body = f'{{"model":"{name}","choices":[{{"message":{{"content":"Hello {number}."}},"finish_reason":"{name}"}}]}}'
            provider.script = [Raw(body.encode())]
            speaker = Person(person.log, user=300 + number, channel=300 + number)
            [turn] = await speaker.say("Hello", CHARACTER)
            end = await speaker.end(turn)
            assert isinstance(end, TurnCompleted)
            assert (end.text, len(end.model) <= 200, len(end.finish_reason) <= 60) == (f"Hello {number}.", True, True)
            assert "\x00" not in end.model + end.finish_reason
        async with person.log.pool.connection() as connection:
            stopped = await (await connection.execute("SELECT name FROM projections WHERE status <> 'running'")).fetchall()
            aside = await (await connection.execute("SELECT count(*) FROM projection_skips")).fetchone()
        assert (stopped, aside) == ([], (0,))


async def test_an_overload_in_mid_stream_is_answered_by_the_fallback(settings: Settings) -> None:
    """An error without a number, after the first word."""
    overloaded = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    broken = Stream([odd.delta("Hel"), event(overloaded)])
    async with FaultServer.running() as provider:
        provider.per_model["vendor/busy"] = broken
        async with room(with_provider(settings, provider.address, default_model="vendor/busy", generation_seconds=20.0)) as person:
            await person.preset("vendor/busy", "vendor/idle")
            [turn] = await person.say("Hello", CHARACTER)
            end = await person.end(turn)
            assert isinstance(end, TurnCompleted)
            assert (end.text, end.fallback_from, end.fallback_why) == ("Well, hello there.", "vendor/busy", "server_error")


async def test_a_redirect_ends_the_turn_in_one_call_and_is_told(settings: Settings) -> None:
    """The person reads whose business it is."""
    async with FaultServer.running(Raw(b"", 301)) as provider, room(with_provider(settings, provider.address)) as person:
        [turn] = await person.say("Hello", CHARACTER)
        end = await person.end(turn)
        assert isinstance(end, TurnFailed)
        assert (end.category, len(end.calls)) == ("wrong_address", 1)
        assert WRONG in end.user_message


async def test_a_picture_of_megabytes_is_named_on_the_record_and_the_sentence_is_delivered(settings: Settings) -> None:
    """One call."""
    body = Raw(odd.ODD_STREAMS["a picture in a frame of its own"], content_type="text/event-stream")
    async with FaultServer.running(body) as provider, room(with_provider(settings, provider.address)) as person:
        [turn] = await person.say("Show me", CHARACTER)
        end = await person.end(turn)
        assert isinstance(end, TurnCompleted)
        assert (end.text, "a picture" in end.left_out, len(end.calls)) == (odd.HELLO, True, 1)
