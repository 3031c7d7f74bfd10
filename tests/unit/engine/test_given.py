"""Settings as people paste them: brought to what was meant, or refused by name without the value."""

import base64
from pathlib import Path

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from engine import config, log
from engine.errors import SettingsError
from engine.outside import addresses, given

KEY = "sk-or-v1-canary"


def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **environment: str) -> config.Settings:
    for name in config.Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return config.load(tmp_path / "none")


def shown(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


@pytest.mark.parametrize(
    ("name", "pasted", "meant"),
    [
        *(("PROVIDER_API_KEY", form, KEY) for form in (f"{KEY}\n", f"{KEY}\r\n", f" {KEY}\t", f'"{KEY}"', f"'{KEY}' ", f"“{KEY}”")),
        *(
            ("PROVIDER_API_KEY", form, KEY)
            for form in (f"\ufeff{KEY}", f"{KEY}\u00a0", f"Bearer {KEY}", f"bearer  {KEY}", f"\u200b{KEY}\u2060")
        ),
        *(
            ("PROVIDER_API_KEY", form, KEY)
            for form in (f"PROVIDER_API_KEY={KEY}", f"export PROVIDER_API_KEY='{KEY}'", f'Bearer "{KEY}"', f"Authorization: Bearer {KEY}")
        ),
        *(("PROVIDER_API_KEY", form, KEY) for form in (f"Bearer: {KEY}", f"<{KEY}>", f"Token {KEY}", f"x-api-key:{KEY}")),
        *(("PROVIDER_API_KEY", form, KEY) for form in (f"{KEY};", f"{KEY},", f"OPENAI_API_KEY={KEY}", f"api_key: {KEY}")),
        ("MASTER_KEY", "0x" + "ab " * 32, "ab" * 32),
        ("TZUROT_DATA", "file:///srv/my%20data", "/srv/my data"),
        ("CONSOLE_HOST", "[::1]", "::1"),
        ("LOG_LEVEL", "WARN", "warning"),
        ("PLURALKIT_API", "off", ""),
        ("OWNER_IDS", '["1", "2"]', "(1, 2)"),
        ("PROVIDER_BASE_URL", "<https://h/v1/models/>", "https://h/v1"),
        ("PROVIDER_BASE_URL", "https://h/v1/completions", "https://h/v1"),
        ("PROVIDER_BASE_URL", "https://h/api/models", "https://h/api/models"),
        ("PUBLIC_URL", "https://münchen.example/", "https://xn--mnchen-3ya.example"),
        ("DATABASE_URL", "PostgreSQL://u:p@h/x", "postgresql://u:p@h/x"),
        ("DATABASE_URL", "psql 'postgres://u:p@h/x'", "postgresql://u:p@h/x"),
        ("DISCORD_TOKEN", "Bot a.b.c\n", "a.b.c"),
        ("CONSOLE_PASSWORD", "two words\n", "two words"),
        ("CONSOLE_PASSWORD", '"quoted"', '"quoted"'),
        ("CONSOLE_PORT", " 9000 ", "9000"),
        ("CONSOLE_PORT", " \u00a0", "8420"),
        ("LOG_LEVEL", "INFO", "info"),
        ("DEFAULT_MODEL", "'a/b'\n", "a/b"),
        ("OWNER_IDS", "1 2;<@3>,\n4", "(1, 2, 3, 4)"),
        ("PROVIDER_BASE_URL", "https://h/v1/chat/completions/", "https://h/v1"),
        ("DATABASE_URL", "postgres://u:p%40@h/x", "postgresql://u:p%40@h/x"),
        ("DATABASE_URL", "postgresql://u:p#w@h:5433/x", "postgresql://u:p%23w@h:5433/x"),
        ("DATABASE_URL", "host=h user=u password='a b' dbname=x", "postgresql://u:a%20b@h/x"),
        ("DATABASE_URL", "postgresql://u:p@[::1]:5432/x?sslmode=require", "postgresql://u:p@[::1]:5432/x?sslmode=require"),
        ("DATABASE_URL", "postgresql://u:p@/x?host=/my data", "postgresql://u:p@/x?host=%2Fmy%20data"),
        ("DATABASE_URL", "postgresql://u:p@[fe80::1%25eth0]/x", "postgresql://u:p@[fe80::1%25eth0]/x"),
        ("DATABASE_URL", "postgresql://%2Fvar%2Frun/x", "postgresql:///x?host=%2Fvar%2Frun"),
        ("DATABASE_URL", "postgresql://u:p@h/x?sslmode=REQUIRE", "postgresql://u:p@h/x?sslmode=require"),
        ("DATABASE_URL", "postgresql://u:p@h/x?ssl=true", "postgresql://u:p@h/x?sslmode=require"),
        ("DATABASE_URL", "host=a,b dbname=x", "postgresql:///x?host=a%2Cb&target_session_attrs=read-write"),
        ("DATABASE_URL", "postgresql://a,b/x?target_session_attrs=any", "postgresql:///x?host=a%2Cb&port=%2C&target_session_attrs=any"),
        ("DATABASE_READ_URL", "psql host=a,b dbname=x", "postgresql:///x?host=a%2Cb&target_session_attrs=standby"),
        ("PROVIDER_BASE_URL", "https://h/v1/;", "https://h/v1"),
        ("PROVIDER_BASE_URL", "https://h/v1//", "https://h/v1"),
        ("PROVIDER_BASE_URL", "`https://h/v1/chat`", "https://h/v1"),
        ("NATS_URL", "h:4222", "nats://h:4222"),
        ("NATS_URL", "nats://[::1], tls://u:p@h", "nats://[::1]:4222,tls://u:p@h:4222"),
    ],
)
def test_what_was_pasted_is_what_was_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, pasted: str, meant: str) -> None:
    """Without what surrounds it by accident, in the one form the rest of the program uses."""
    assert shown(getattr(loaded(tmp_path, monkeypatch, **{name: pasted}), name.lower())) == meant


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PROVIDER_API_KEY", "sk-canary\nmore", "header"),
        ("PROVIDER_API_KEY", "sk-canary more", "header"),
        ("PROVIDER_API_KEY", "sk-canaryä", "header"),
        ("PROVIDER_API_KEY", "${CANARY}", "variable"),
        ("DISCORD_TOKEN", "$CANARY", "variable"),
        ("PROVIDER_BASE_URL", "https://canary:0/v1", "no host and port"),
        ("PROVIDER_BASE_URL", "https://canary..example/v1", "no host and port"),
        ("PROVIDER_BASE_URL", f"https://{'canary' * 20}/v1", "no host and port"),
        ("PROVIDER_BASE_URL", "https://canary/v1\u200b/x", "nobody sees"),
        ("DISCORD_TOKEN", "can\u200bary.token", "header"),
        ("CONSOLE_PASSWORD", "can\x07ary", "control character"),
        ("MASTER_KEY", "canary", "64 hexadecimal"),
        ("MASTER_KEY", "ab" * 31 + " can", "64 hexadecimal"),
        ("OWNER_IDS", "canary", "OWNER_IDS must be Discord ids"),
        ("OWNER_IDS", "-1", "digits only"),
        ("OWNER_IDS", "99999999999999999999", "digits only"),
        ("CONSOLE_HOST", "http://127.0.0.1", "host alone"),
        ("CONSOLE_HOST", "127.0.0.1:8420", "CONSOLE_PORT"),
        ("PROVIDER_BASE_URL", "https://h/v1?api-version=canary", "before ?"),
        ("PROVIDER_BASE_URL", "https://h\\canary/v1", "backslash"),
        ("NATS_REPLICAS", "3", "NATS_URL is not set; name every server"),
        ("DATABASE_URL", "postgresql://u:canary@/var/run/postgresql/x", "?host=/folder"),
        ("DATABASE_URL", "postgresql://u:canary@fe80::1/x", "port"),
        ("DATABASE_URL", "postgresql://u:canary%00@h/x", "%25"),
        ("DATABASE_URL", "postgresql://u:canary%zz@h/x", "%25"),
        ("DATABASE_URL", "postgresql://u:canary@h/x?pgbouncer=true", "pgbouncer"),
        ("PLURALKIT_API", "canary", "no web address"),
        ("PUBLIC_URL", "https://*.canary", "no web address"),
        ("TZUROT_DATA", "/srv/$NO_SUCH_VARIABLE/tz", "NO_SUCH_VARIABLE"),
        ("TZUROT_DATA", f"/srv/{'ü' * 200}/canary", "too long"),
        ("PROVIDER_CA_FILE", "/srv" * 1000 + "/canary", "too long"),
        ("DATABASE_URL", "postgresql+psycopg://u:canary@h/x", "postgresql://"),
        ("DATABASE_URL", "jdbc:postgresql://u:canary@h/x", "postgresql://"),
        ("DATABASE_URL", "mysql://u:canary@h/x", "postgresql://"),
        ("DATABASE_URL", "u:canary@h/x", "no address of Postgres"),
        ("DATABASE_URL", "postgresql://u:canary@h", "names no database"),
        ("DATABASE_URL", "postgresql://u:can/ary@h/x", "%"),
        ("DATABASE_URL", "postgresql://u:canary%@h/x", "%25"),
        ("DATABASE_URL", "postgresql://u:can@ary@h/x", "%40"),
        ("DATABASE_URL", "postgresql://u:canary@h/x?schema=public", "schema"),
        ("NATS_URL", "nats+tls://u:canary@h", "tls://"),
        ("NATS_URL", "nats://u:canary@::1:4222", "brackets"),
        ("NATS_URL", "http://u:canary@h", "nats://"),
        ("NATS_URL", "nats://u:canary#@h", "NATS_URL"),
        ("PROVIDER_BASE_URL", "openrouter.ai/api/v1", "https://"),
        ("PROVIDER_BASE_URL", "https://::1/v1", "brackets"),
        ("PUBLIC_URL", "console.example", "https://"),
        ("TZUROT_DATA", "$NOT_SET_HERE/tz", "not set"),
        ("TZUROT_DATA", "~nobody-of-that-name/tz", "whole path"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str) -> None:
    """It names the setting and what to do, and nothing of the value."""
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, monkeypatch, **{name: value})
    said = str(caught.value)
    assert name in said
    assert says in said
    assert "canary" not in said
    assert "ary@" not in said
    assert "\n" not in said


def test_paths_are_filled_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From .env as from a shell, and shown in full."""
    monkeypatch.setenv("HOME", "/home/zoë")
    monkeypatch.chdir(tmp_path)
    for written, full in (
        ("~/tz", "/home/zoë/tz"),
        ("$HOME/tz", "/home/zoë/tz"),
        ("./my data/", f"{tmp_path}/my data"),
        ("/a/b$c", "/a/b$c"),
    ):
        assert given.folder(written) == full


@drawn(st.text(max_size=40))
def test_any_text_is_a_key_that_fits_a_header_or_refused(text: str) -> None:
    """And trimming what was trimmed changes nothing."""
    trimmed = given.trimmed("provider_api_key", text)
    try:
        given.checked("provider_api_key", trimmed)
    except ValueError:
        return
    trimmed.encode("ascii")
    assert trimmed.isprintable()
    assert " " not in trimmed


_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)


@drawn(st.fixed_dictionaries({"user": _TEXT, "password": _TEXT, "dbname": _TEXT}), _TEXT)
def test_an_address_of_any_parts_is_read_back_as_they_were(parts: dict[str, str], folder: str) -> None:
    """Blanks, percent signs, ampersands, quotes, letters of any script: also in the folder of a socket."""
    whole = parts | {"host": f"/data/{folder.replace(',', '')}", "port": "5432"}
    assert {name: str(value) for name, value in conninfo_to_dict(addresses.database_url(whole)).items()} == whole


@drawn(st.text(max_size=60))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    """What is taken is taken again unchanged."""
    for form in (addresses.database, addresses.nats, addresses.api):
        try:
            found = form(text)
        except ValueError:
            continue
        assert form(found) == found


def test_what_has_no_effect_is_named(tmp_path: Path) -> None:
    """With the nearest name that has; other programs' variables are left in peace."""
    file = tmp_path / ".env"
    file.write_text(
        "\ufeffPROVIDER_APIKEY=canary\nMODEL=a\nWHAT_IS_THIS=1\nPOSTGRES_PASSWORD=x\nOWNER_IDS=1\nOWNER_IDS=2\nCONSOLE_PORT=1\n"
    )
    said = config.remarks(file, {"CONSOLE_PORT": "2", "DISCORD_TOKN": "canary", "HOSTNAME": "h", "OPENAI_API_KEY": "x", "PATH": "/bin"})
    assert [line.split()[0] for line in said] == ["PROVIDER_APIKEY", "MODEL", "WHAT_IS_THIS", "DISCORD_TOKN", "OWNER_IDS", "CONSOLE_PORT"]
    assert "PROVIDER_API_KEY" in said[0]
    assert "DEFAULT_MODEL" in said[1]
    assert "DISCORD_TOKEN" in said[3]
    assert "canary" not in "".join(said)
    file.write_text("DISCORD_TOKEN=x\nexport CONSOLE_PORT=1\nconsole_host=127.0.0.1\n")
    assert config.remarks(file, {}) == []


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first line counts like the others."""
    monkeypatch.delenv("CONSOLE_PORT", raising=False)
    file = tmp_path / ".env"
    file.write_bytes("\ufeffCONSOLE_PORT=9000\r\n".encode())
    assert config.load(file).console_port == 9000


def test_the_log_hides_our_own_secrets_in_any_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also passwords inside addresses."""
    monkeypatch.setattr(log, "_hide", log._hide)
    key, address = SecretStr("canary/key+1"), "postgresql://u:pass%40word1@h/x"
    settings = config.Settings(_env_file=None, provider_api_key=key, database_url=address)
    log.configure("test", hide=config.secrets(settings))
    for form in (
        "canary/key+1",
        "canary%2Fkey%2B1",
        base64.b64encode(b"canary/key+1").decode(),
        "pass@word1",
        "pass%40word1",
        "canary\\/key+1",
    ):
        assert form not in log.redact(f"it said {form} to us")
    for text in ("host=h password=hunter2 x", "postgresql://u:hunter2@h", "redis://:hunter2@h", "?sslpassword=hunter2&a=b"):
        assert "hunter2" not in log.redact(text)
