"""`tzurot doctor` finds what was set wrongly before the first conversation: one sentence, which names the setting or a command."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import typer

from bot.cli import checks
from bot.discord import commands as discord_commands
from engine.config import Settings
from engine.embedded import free_port
from engine.outside.checks import BROUGHT
from worker import commands as worker_commands

TOKEN = "canary.hidden.token"
ANSWERS = {
    "/moved/models": (301, b""),
    "/page/models": (200, b"<html>Welcome</html>"),
    "/refuses/models": (401, b'{"error": {"message": "Incorrect API key provided: canary-key"}}'),
    "/wall/models": (403, b"<html><title>Attention Required!</title></html>"),
    "/refused/applications/@me": (401, b'{"message": "401: Unauthorized", "code": 0}'),
    "/deaf/applications/@me": (200, b'{"id": "1", "name": "Wren", "flags": 0}'),
    "/good/applications/@me": (200, b'{"id": "1", "name": "Wren", "flags": 524288}'),
    "/page/applications/@me": (200, b'"hello"'),
}


class Answers(BaseHTTPRequestHandler):
    """Answers by the path alone; 404 to the rest."""

    def do_GET(self) -> None:
        status, body = ANSWERS.get(self.path, (404, b"<html>Not Found</html>"))
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the name that http.server calls

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def web() -> Iterator[str]:
    """The address of a server that is Discord or a provider, rightly or wrongly."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


type Doctor = Callable[[], list[checks.Check]]


@pytest.fixture
def doctor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Doctor]:
    """What doctor finds in a folder of its own, as the command line asks."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZUROT_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("CONSOLE_PORT", "0")
    before, app = dict(BROUGHT), typer.Typer()
    discord_commands.register(app)
    worker_commands.register(app)
    yield lambda: checks.examine(None)
    BROUGHT.clear()
    BROUGHT.update(before)


def wrong(found: list[checks.Check]) -> str:
    """The one thing that is not right."""
    [sentence] = [each.detail for each in found if not each.ok]
    assert "\n" not in sentence
    assert "canary" not in sentence
    return sentence


def test_nothing_is_wrong_where_nothing_is_set(doctor: Doctor) -> None:
    """Each line below finds its own fault, and no other."""
    assert [each.detail for each in doctor() if not each.ok] == []


SET = [
    # secrets
    ({"PROVIDER_API_KEY": "canary\nkey"}, "PROVIDER_API_KEY", "line break|blank|control"),
    ({"PROVIDER_API_KEY": "canary—key"}, "PROVIDER_API_KEY", "header"),
    ({"DISCORD_TOKEN": "canary.a b.c"}, "DISCORD_TOKEN", "header"),
    ({"MASTER_KEY": "canary"}, "MASTER_KEY", "64 hexadecimal"),
    ({"CONSOLE_PASSWORD": "can\x07ary"}, "CONSOLE_PASSWORD", "control character"),
    # names and values without effect
    ({"DISCORD_TOKN": "canary"}, "DISCORD_TOKN", "Did you mean DISCORD_TOKEN"),
    ({"OWNER_IDS": "canary"}, "OWNER_IDS", "Discord ids"),
    ({"LOG_LEVEL": "loud"}, "LOG_LEVEL", "debug"),
    ({"CONSOLE_PORT": "70000"}, "CONSOLE_PORT", "65535"),
    ({"DEFAULT_MODEL": "canary" * 50}, "DEFAULT_MODEL", "200"),
    # addresses
    ({"DATABASE_URL": "postgresql+psycopg://u:canary@h/x"}, "DATABASE_URL", "postgresql://"),
    ({"DATABASE_URL": "postgresql://u:canary@127.0.0.1:9/x"}, "DATABASE_URL", "does not answer|cannot|reached"),
    ({"NATS_URL": "http://u:canary@h"}, "NATS_URL", "nats://"),
    ({"NATS_URL": "nats://u:canary@127.0.0.1:9"}, "NATS_URL", "does not answer"),
    ({"PROVIDER_BASE_URL": "canary.example/v1"}, "PROVIDER_BASE_URL", "https://"),
    ({"PROVIDER_BASE_URL": "http://127.0.0.1:9/v1"}, "PROVIDER_BASE_URL", "nobody answers"),
    ({"PROVIDER_BASE_URL": "WEB/moved"}, "PROVIDER_BASE_URL", "sends us on"),
    ({"PROVIDER_BASE_URL": "WEB/page"}, "PROVIDER_BASE_URL", "no provider of models|nothing of the kind"),
    ({"PROVIDER_BASE_URL": "WEB/refuses", "PROVIDER_API_KEY": "canary-key"}, "PROVIDER_API_KEY", "refuses the key"),
    ({"PROVIDER_BASE_URL": "WEB/wall"}, "PROVIDER_PROXY", "firewall"),
    ({"PROVIDER_BASE_URL": "WEB/v1", "PROVIDER_PROXY": "socks5://u:canary@h"}, "PROVIDER_PROXY", "no proxy of HTTP"),
    ({"PROVIDER_BASE_URL": "WEB/v1", "PROVIDER_PROXY": "http://u:canary@h:99999"}, "PROVIDER_PROXY", "no address of a proxy"),
    ({"DATABASE_URL": "postgresql://u:canary@/var/run/postgresql/x"}, "DATABASE_URL", "?host=/folder"),
    ({"PROVIDER_BASE_URL": "WEB/v1", "PROVIDER_CA_FILE": "/no/such/file.pem"}, "PROVIDER_CA_FILE", "No such file"),
    # the console
    ({"PUBLIC_URL": "https://tzurot.example"}, "PUBLIC_URL", "CONSOLE_PASSWORD"),
    ({"PUBLIC_URL": "https://tzurot.example/sub", "CONSOLE_PASSWORD": "canary"}, "PUBLIC_URL", "must end after the host"),
    ({"CONSOLE_HOST": "0.0.0.0"}, "CONSOLE_HOST", "CONSOLE_PASSWORD"),
    ({"CONSOLE_HOST": "http://127.0.0.1"}, "CONSOLE_HOST", "host alone"),
    ({"CONSOLE_HOST": "192.0.2.1", "CONSOLE_PASSWORD": "canary", "CONSOLE_PORT": "FREE"}, "CONSOLE_HOST", "no address of this machine"),
    # folders
    ({"TZUROT_DATA": "$NO_SUCH_THING/tz"}, "TZUROT_DATA", "NO_SUCH_THING"),
    ({"TZUROT_DATA": "~nobody-of-that-name/tz"}, "TZUROT_DATA", "whole path"),
    ({"TZUROT_DATA": "/dev/null/tz"}, "TZUROT_DATA", "no folder"),
    # Discord
    ({"DISCORD_TOKEN": TOKEN, "DISCORD_API_BASE": "WEB/refused"}, "DISCORD_TOKEN", "refused the token"),
    ({"DISCORD_TOKEN": TOKEN, "DISCORD_API_BASE": "WEB/deaf"}, "Message Content Intent", "Bot > Privileged"),
    ({"DISCORD_TOKEN": TOKEN, "DISCORD_API_BASE": "WEB/page"}, "DISCORD_API_BASE", "is not Discord"),
    ({"DISCORD_TOKEN": TOKEN, "DISCORD_API_BASE": "WEB/nothing"}, "DISCORD_API_BASE", "HTTP 404"),
    ({"DISCORD_TOKEN": TOKEN, "DISCORD_API_BASE": "http://127.0.0.1:9"}, "DISCORD_TOKEN", "could not be asked"),
]


@pytest.mark.parametrize(("environment", "names", "says"), SET, ids=[" ".join(f"{n}={v[:30]!r}" for n, v in e.items()) for e, _, _ in SET])
def test_a_wrong_setting_is_one_sentence(
    doctor: Doctor, web: str, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], names: str, says: str
) -> None:
    """By the name of what has to be changed, and with nothing of a secret."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value.replace("WEB", web).replace("FREE", str(free_port())))
    sentence = wrong(doctor())
    assert names in sentence
    assert any(word in sentence for word in says.split("|")), sentence


FILES = [
    (b"CONSOLE_PORT=1024\nPROVIDER_API_KEY='canary\n", "line 2"),
    (b"CONSOLE_PORT\n", "line 1"),
    ("CARE_TEXT=können\n".encode("latin-1"), "UTF-8"),
    ("CARE_TEXT=canary\n".encode("utf-16"), "UTF-8"),
    (b"PROVIDER_API_KEY=canary\x00key\n", "PROVIDER_API_KEY"),
    (b"PROVIDER_APIKEY=canary\n", "PROVIDER_API_KEY"),
    (b"OPENAI_BASE_URL=http://canary\n", "Did you mean PROVIDER_BASE_URL"),
    (b"OWNER_IDS=1\nOWNER_IDS=2\n", "OWNER_IDS stands more than once"),
    (b"CONSOLE_PORT=1024\n", "CONSOLE_PORT stands in .env, but the environment"),
    (b"MASTER_KEY=" + b"9" * 5_000 + b"\n", "MASTER_KEY"),
    (b"WORKER_CONCURRENCY=" + b"9" * 5_000 + b"\n", "WORKER_CONCURRENCY"),
    ("WORKER_CONCURRENCY=²\n".encode(), "WORKER_CONCURRENCY"),
    (b"GENERATION_SECONDS=NaN\n", "GENERATION_SECONDS"),
    (b"GENERATION_SECONDS=Infinity\n", "GENERATION_SECONDS"),
    (b"DEFAULT_MODEL=a\x1b[31mb\n", "DEFAULT_MODEL"),
    (b"\x00\x00\x00\x00", ".env"),
    (b"\x1f\x8b\x08\x00 canary", "UTF-8"),
]


@pytest.mark.parametrize(("content", "says"), FILES, ids=[str(content[:30]) for content, _ in FILES])
def test_a_file_of_settings_that_cannot_be_meant_is_one_sentence(doctor: Doctor, tmp_path: Path, content: bytes, says: str) -> None:
    """Odd bytes, half lines, names twice, numbers without measure."""
    (tmp_path / ".env").write_bytes(content)
    assert says in wrong(doctor())


def test_what_only_looks_odd_in_a_file_of_settings_is_read(doctor: Doctor, tmp_path: Path) -> None:
    """A mark at its beginning, carriage returns, a line of a megabyte, letters of any script, `export`, comments."""
    text = (
        "\ufeff# canary\r\n\r\nexport CARE_TEXT='Hilfe findest du hier: ☎ 112'\r\nVISION_MODEL= \r\n#"
        + "x" * 1_000_000
        + "\r\nLOG_LEVEL=INFO"
    )
    (tmp_path / ".env").write_bytes(text.encode())
    assert [each.detail for each in doctor() if not each.ok] == []


def _empty_password(data: Path) -> None:
    (data / "postgres" / "data").mkdir(parents=True)
    (data / "postgres" / "data" / "PG_VERSION").write_text("18\n")
    (data / "postgres.password").write_text("")


def _open_key(data: Path) -> None:
    data.mkdir()
    (data / "master.key").write_text("ab" * 32)
    (data / "master.key").chmod(0o644)


def _half_key(data: Path) -> None:
    data.mkdir()
    (data / "master.key").write_text("ab" * 31)
    (data / "master.key").chmod(0o600)


FOLDERS: list[tuple[Callable[[Path], object], str, str]] = [
    (_empty_password, "postgres.password", "is empty or damaged"),
    (_open_key, "master.key", "chmod 600"),
    (_half_key, "master.key", "Restore it from your backup"),
    (lambda data: data.write_text("a file"), "TZUROT_DATA", "no folder"),
    (lambda data: data.symlink_to(data.parent / "gone"), "TZUROT_DATA", "is a link to a folder that is not there"),
]


@pytest.mark.parametrize(("made", "names", "says"), FOLDERS, ids=[says for _, _, says in FOLDERS])
def test_a_damaged_data_folder_is_one_sentence(
    doctor: Doctor, tmp_path: Path, made: Callable[[Path], object], names: str, says: str
) -> None:
    """With the file or the setting that is meant, and what to do."""
    made(tmp_path / "data")
    sentence = wrong(doctor())
    assert names in sentence
    assert says in sentence


def test_no_room_on_the_disk_is_said(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the database fails for it."""
    monkeypatch.setattr(checks, "LEAST_FREE", 1 << 60)
    assert "There is no room on the disk" in wrong(doctor())


def test_a_token_that_discord_takes_is_told_with_whose_it_is(doctor: Doctor, web: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing of it."""
    monkeypatch.setenv("DISCORD_TOKEN", TOKEN)
    monkeypatch.setenv("DISCORD_API_BASE", f"{web}/good")
    found = doctor()
    assert [each.detail for each in found if not each.ok] == []
    assert "the token is that of Wren" in [each.detail for each in found]


def test_nothing_is_written(doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a folder nor a port, whichever port the console shall take; the data folder need not be there."""
    for port in ("0", str(free_port())):
        monkeypatch.setenv("CONSOLE_PORT", port)
        assert [each.detail for each in doctor() if not each.ok] == []
    assert list(tmp_path.iterdir()) == []
