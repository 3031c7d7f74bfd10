"""Every setting, with its default and its meaning. The README's table is generated from these fields."""

import ipaddress
import os
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

import platformdirs
from dotenv.parser import parse_stream
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from engine.errors import SettingsError
from engine.outside import given, sites

ENV_FILE = ".env"
NO_ENV_FILE = "TZUROT_NO_ENV_FILE"
"""Set for the children of `tzurot run`: they were given what is their business."""


class Settings(BaseSettings):
    """Read from the environment, then from `.env` in the working directory; the environment wins."""

    model_config = SettingsConfigDict(env_file=".env", env_file_encoding="utf-8-sig", extra="ignore", env_ignore_empty=True, frozen=True)

    tzurot_data: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("tzurot", appauthor=False)),
        description="Folder of everything that must survive: database, broker files, master key.",
    )
    database_url: str | None = Field(None, description="Postgres (18 with pgvector) to use instead of the embedded one.")
    database_read_url: str | None = Field(
        None,
        description="Streaming replica of DATABASE_URL's server that archives are read from, once it has all that was stored before."
        " Unset: none.",
    )
    nats_url: str | None = Field(
        None, description="NATS server with JetStream to use instead of the embedded one; several of one cluster, separated by commas."
    )
    nats_replicas: int = Field(
        1, ge=1, le=5, description="Servers of a NATS cluster that keep what is on its way: 1, or 3 of three and more."
    )
    discord_token: SecretStr | None = Field(None, description="Bot token from Discord's developer portal. Without it Discord is off.")
    discord_api_base: str = Field("https://discord.com/api/v10", description="Discord's REST address; the stand-in sets its own.")
    pluralkit_api: str = Field(
        "https://api.pluralkit.me/v2", description="PluralKit's API, asked whose a proxied message is. `off`: it is not asked."
    )
    provider_base_url: str | None = Field(
        None,
        description="OpenAI-compatible address ending before /chat/completions. Unset: OpenRouter with a key, else what LOCAL_MODEL says.",
    )
    provider_api_key: SecretStr | None = Field(None, description="Key for the provider.")
    local_model: Literal["on", "off"] = Field(
        "on", description="Whether a small model on this machine's CPU answers while no provider is configured. `off`: the stand-in does."
    )
    provider_proxy: SecretStr | None = Field(
        None, description="Proxy for calls to the provider, such as http://host:3128. HTTPS_PROXY of the environment is not looked at."
    )
    provider_ca_file: Path | None = Field(
        None, description="File (PEM) of a private authority whose certificates are trusted for the provider beside the usual ones."
    )
    default_model: str = Field("openrouter/auto", min_length=1, max_length=200, description="Model of the preset made at first start.")
    vision_model: str | None = Field(
        None, max_length=200, description="Model that describes pictures. Unset: that of the default preset, if it can see."
    )
    vision_emoji: Literal["on", "off"] = Field(
        "off", description="Whether a model that sees is shown custom emoji of the message it answers, as pictures."
    )
    image_model: str | None = Field(
        None, max_length=200, description="Model that makes pictures, for characters with the tool `image`. Unset: none are made."
    )
    image_api: Literal["auto", "chat", "images"] = Field(
        "auto",
        description="How it is asked: chat (a completion that gives a picture out), images (`/images/generations`); auto: chat at "
        "OpenRouter, images elsewhere.",
    )
    image_base_url: str | None = Field(
        None, description="OpenAI-compatible address that makes the pictures, with IMAGE_API_KEY. Unset: the provider's."
    )
    image_api_key: SecretStr | None = Field(None, description="Key for IMAGE_BASE_URL.")
    transcription_model: str | None = Field(
        None,
        max_length=200,
        description="Model that writes down voice messages and audio files (/audio/transcriptions), or `local`: the recognizer of the "
        "extra `voice`, in English. Unset: nobody hears them.",
    )
    speech_model: str | None = Field(
        None,
        max_length=200,
        description="Model that says replies aloud for characters that speak (/audio/speech), or `local`: espeak-ng. Unset: none does.",
    )
    audio_base_url: str | None = Field(
        None, description="OpenAI-compatible address ending before /audio/speech. Unset: that of the provider, which must have one."
    )
    audio_api_key: SecretStr | None = Field(None, description="Key for AUDIO_BASE_URL.")
    keep_files_mb: int = Field(
        0,
        ge=0,
        le=10,
        description="How large a file besides pictures (voice messages, documents) on a message that is answered may be, in MB, to be kept,"
        " sealed, and be in its sender's archive. 0: none is kept.",
    )
    web_fetch_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Hosts that characters with the tool `web` may read, separated by commas: en.wikipedia.org, *.example.org, or an "
        "origin as http://wiki.lan:8080. Unset: none.",
    )
    mcp_servers_file: Path | None = Field(
        None,
        description='File (JSON, `{"mcpServers": {NAME: {"command": ..., "args": [...]} or {"url": ...}}}`) of MCP servers whose tools '
        "characters may be given, as mcp:NAME. Needs the extra `mcp`.",
    )
    memory_recall: Literal["full", "words", "off"] = Field(
        "full", description="How memories are found for a reply: by words and meaning, by words alone, or not at all."
    )
    memory_model: str | None = Field(
        None, max_length=200, description="Cheap model that makes summaries and facts of what was said. Unset: none are made."
    )
    memory_summaries: Literal["5", "10", "50", "1h", "4h", "24h", "off"] = Field(
        "50", description="Of how many messages, or of what time, one summary is made."
    )
    memory_facts_every: int = Field(
        6,
        ge=0,
        le=100,
        description="Turns of a channel after which MEMORY_MODEL is asked for facts; 0: with each summary, which costs no call more.",
    )
    memory_facts_a_day: int = Field(100, ge=0, le=10_000, description="Facts that are noted of one person and day at most.")
    memory_calls_a_day: int = Field(
        200,
        ge=1,
        le=100_000,
        description="Calls of MEMORY_MODEL that read what one person said on one day at most; then others' words alone are read.",
    )
    memory_most: int = Field(
        10_000,
        ge=50,
        le=1_000_000,
        description="Notes of one person that are met at most; of more, the least valuable are put aside every hour.",
    )
    memory_decay_days: int = Field(
        0, ge=0, le=36_500, description="Days after which being recent counts a third for finding a memory; 0: age counts nothing."
    )
    memory_dreams: Literal["on", "off"] = Field(
        "on", description="Whether notes that say the same are hidden behind one, once a day; nothing is lost and each time can be undone."
    )
    memory_relationships: int = Field(
        20,
        ge=0,
        le=1000,
        description="Answers of a character to a person after which MEMORY_MODEL says anew how they stand to each other; 0: never.",
    )
    memory_reflections: int = Field(
        30,
        ge=0,
        le=1000,
        description="Facts of a person in a channel after which MEMORY_MODEL is asked what follows from them; 0: never.",
    )
    memory_waypoints: float = Field(
        0.0,
        ge=0,
        le=5,
        description="Weight of memories for naming the same thing as others that were found; 0: each is found by itself alone.",
    )
    memory_contrastive: Literal["on", "off"] = Field(
        "on", description="Whether what all memories have in common counts nothing when one is found by its meaning."
    )
    console_host: str = Field("127.0.0.1", description="Address the console listens on. Other than loopback needs a password.")
    console_port: int = Field(8420, ge=0, le=65535, description="Port of the console; 0 takes any free one.")
    console_password: SecretStr | None = Field(None, description="Password of the console.")
    release_webhook_secret: SecretStr | None = Field(
        None, description="Secret that signs `POST /hooks/release`, as GitHub's webhooks of releases are. Unset: none are taken."
    )
    public_url: str | None = Field(
        None,
        description="Address at which others reach the console through a proxy, such as https://tzurot.example. Needs a password.",
    )
    master_key: SecretStr | None = Field(
        None, description="64 hexadecimal digits that wrap all data keys. Unset: a file of mode 600 in the data folder."
    )
    owner_ids: Annotated[tuple[int, ...], NoDecode] = Field((), description="Discord ids of the bot's owners, separated by commas.")
    bot_mention_char: str = Field("@", min_length=1, max_length=1, description="Character that starts a name mention in a message.")
    worker_concurrency: int = Field(16, ge=1, le=256, description="Turns one worker process generates at the same time.")
    worker_metrics_port: int | None = Field(
        None, ge=1, le=65535, description="Port on loopback for the worker's Prometheus metrics. Unset: none."
    )
    bot_metrics_port: int | None = Field(
        None, ge=1, le=65535, description="Port on loopback for the Discord bot's Prometheus metrics. Unset: none."
    )
    projections_metrics_port: int | None = Field(
        None, ge=1, le=65535, description="Port on loopback for Prometheus metrics of the process of the read models. Unset: none."
    )
    burst_seconds: float = Field(
        2.0,
        ge=0,
        le=10,
        description="Time in which more messages of the same person join one answer, where they call nobody by name; 0: never. "
        "The playground does not wait; it joins what comes while an answer is written.",
    )
    disclosure: bool = Field(True, description="Tell each person once per server that an AI answers, unless that server switches it off.")
    care_text: str = Field(
        "", max_length=1000, description="Shown to who writes of harming themselves: where help is in your country. Unset: a general text."
    )
    allowed_servers_only: bool = Field(False, description="Serve only servers named with `tzurot server allow`, and leave the others.")
    generation_seconds: float = Field(120.0, gt=0, le=3600, description="Longest time one reply may take, all attempts together.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severe level that is logged.")
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="Form of log lines; auto is console on a terminal, else json."
    )

    @model_validator(mode="before")
    @classmethod
    def _as_meant(cls, values: Any) -> Any:
        """Trim what was pasted; what is then empty counts as not set."""
        if not isinstance(values, Mapping):
            return values
        texts = {name: value.get_secret_value() if isinstance(value, SecretStr) else value for name, value in values.items()}
        trimmed = {name: given.trimmed(name, value) if isinstance(value, str) else value for name, value in texts.items()}
        return {name: value for name, value in trimmed.items() if value != ""}

    @field_validator("*", mode="before")
    @classmethod
    def _checked(cls, value: object, info: ValidationInfo) -> object:
        return given.checked(str(info.field_name), value) if isinstance(value, str) else value

    @field_validator("owner_ids", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        found = [part.strip("<@!>\"'[]()") for part in re.split(r"[,;\s]+", value)]
        if any(not (part.isascii() and part.isdigit() and 0 < int(part[:20]) < 2**63) for part in found if part):
            raise ValueError("must be Discord ids, which are digits only, separated by commas")
        return tuple(part for part in found if part)

    @field_validator("web_fetch_hosts", mode="before")
    @classmethod
    def _are_sites(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        found = tuple(part for part in re.split(r"[,;\s]+", value) if part)
        if (what := sites.wrong(found)) is not None:
            raise ValueError(what)
        return found

    @field_validator("master_key")
    @classmethod
    def _is_a_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _is_hex_256(value.get_secret_value()):
            raise ValueError("must be 64 hexadecimal digits (32 bytes)")
        return value

    @model_validator(mode="after")
    def _fit_together(self) -> "Settings":
        servers = len((self.nats_url or "").split(","))
        if self.nats_replicas > servers:
            named = f"NATS_URL names {servers}" if self.nats_url else "NATS_URL is not set"
            raise ValueError(f"ask for NATS_REPLICAS={self.nats_replicas}, but {named}; name every server of the cluster there")
        return self


def _unreadable_lines(env_file: Path) -> list[int]:
    # The parser would leave such a line out and only log it, and with it a token that the person thinks is set.
    if not env_file.is_file():
        return []
    with env_file.open(encoding="utf-8-sig") as file:
        return [binding.original.line for binding in parse_stream(file) if binding.error or (binding.key and binding.value is None)]


def _problem(error: Any) -> str:
    name, said = str(error["loc"][0]).upper() if error["loc"] else "settings", error["msg"].removeprefix("Value error, ")
    # Ours go on after the name; pydantic's are sentences of their own.
    return f"{name} {said}" if error["type"] == "value_error" else f"{name}: {said}"


def open_door(settings: Settings) -> str:
    """What is wrong when others can reach the console and there is no password; '' when there is, or they cannot. Pure."""
    if settings.console_password is not None:
        return ""
    if not is_loopback(settings.console_host):
        return f"CONSOLE_HOST is {settings.console_host}, which others can reach: set CONSOLE_PASSWORD, or CONSOLE_HOST to 127.0.0.1."
    if settings.public_url is not None and not is_loopback(urlsplit(settings.public_url).hostname or ""):
        return f"PUBLIC_URL is {settings.public_url}, which others can reach: set CONSOLE_PASSWORD, or unset PUBLIC_URL."
    return ""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server bound to this host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def remarks(env_file: Path | str | None = None, environment: Mapping[str, str] = os.environ) -> list[str]:
    """What was set without effect, a sentence each: names that are no setting, and lines of .env that something else overrides."""
    known = Settings.model_fields.keys()
    found = names(Path(ENV_FILE if env_file is None else env_file))
    said = given.misspelt(dict.fromkeys(found), known) + given.misspelt(environment, known, foreign=True)
    twice = sorted({name.upper() for name in found if found.count(name) > 1 and name.lower() in known})
    said += [f"{name} stands more than once in .env; the last one counts." for name in twice]
    here = {name.upper(): value for name, value in environment.items()}
    both = sorted(
        {name.upper() for name, value in _pairs(env_file) if here.get(name.upper()) not in (None, "", value) and name.lower() in known}
    )
    return said + [f"{name} stands in .env, but the environment of this process has another value, which counts." for name in both]


def names(env_file: Path) -> list[str]:
    """The names that stand in a file of settings, as written there, each as often as it stands there."""
    return [name for name, _ in _pairs(env_file)]


def _pairs(env_file: Path | str | None) -> list[tuple[str, str]]:
    path = Path(ENV_FILE if env_file is None else env_file)
    try:
        with path.open(encoding="utf-8-sig") as file:
            return [(binding.key, binding.value or "") for binding in parse_stream(file) if binding.key]
    except (OSError, UnicodeDecodeError):
        return []


def _is_hex_256(text: str) -> bool:
    try:
        return len(bytes.fromhex(text)) == 32
    except ValueError:
        return False


def load(env_file: Path | str | None = ".env") -> Settings:
    """The settings of this process.

    Raises SettingsError with one sentence that names each setting that cannot be used, never its value.
    """
    try:
        if env_file is not None and (lines := _unreadable_lines(Path(env_file))):
            raise SettingsError(f"The file .env cannot be read at line {lines[0]}. Write one NAME=value per line, and close every quote.")
        return Settings(_env_file=env_file)
    except ValidationError as error:
        problems = "; ".join(map(_problem, error.errors(include_input=False)))
        raise SettingsError(f"The settings cannot be used. Correct this in the environment or in .env: {problems}") from None
    except (UnicodeDecodeError, OSError) as error:
        raise SettingsError(f"The file .env cannot be read ({type(error).__name__}). Save it as plain UTF-8 text.") from None


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings, loaded once per process."""
    return load(None if NO_ENV_FILE in os.environ else ENV_FILE)


def secrets(settings: Settings) -> list[str]:
    """Everything in the settings that no line of a log and no page may hold: secrets, and passwords inside addresses."""
    values = [getattr(settings, name) for name in Settings.model_fields]
    found = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
    addresses = [text for text in [*found, *values] if isinstance(text, str) and "://" in text]
    return found + [unquote(password[1]) for text in addresses if (password := re.search(r"://[^/@]*?:([^/]*)@", text))]


def require_database(settings: Settings) -> str:
    """The address of Postgres. Raises SettingsError when there is none: `tzurot run` sets it for its children."""
    if settings.database_url is None:
        raise SettingsError("DATABASE_URL is not set. Use `tzurot run`, which brings a database along, or point DATABASE_URL to yours.")
    return settings.database_url


def require_nats(settings: Settings) -> str:
    """The address of NATS. Raises SettingsError when there is none: `tzurot run` sets it for its children."""
    if settings.nats_url is None:
        raise SettingsError("NATS_URL is not set. Use `tzurot run`, which brings a broker along, or point NATS_URL to yours.")
    return settings.nats_url
