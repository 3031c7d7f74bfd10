"""compose.yaml starts the same parts as `tzurot run`, with names, ports, passwords and variables that fit the code and nats.conf."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from bot.cli.supervisor.plan import plan
from engine.config import Settings
from engine.embedded import broker, database

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PASSWORDS = {"POSTGRES_PASSWORD": "p1", "NATS_PASSWORD": "n1", "CONSOLE_PASSWORD": "c1"}
NOT_OURS = {"POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB", "POSTGRES_INITDB_ARGS", "NATS_PASSWORD", "STANDIN_PORT"}
STANDIN = "standin"


def _filled(text: str) -> str:
    """The text as Compose fills it from an .env that has the passwords."""
    return re.sub(r"\$\{(\w+)(?::[?-][^}]*)?\}", lambda found: PASSWORDS.get(found[1], ""), str(text))


def _environment(service: str) -> dict[str, str]:
    return {name: _filled(value) for name, value in SERVICES[service].get("environment", {}).items()}


def _children() -> dict[str, list[str]]:
    return dict(plan(Settings(_env_file=None)).commands)


def test_the_services_are_the_parts_of_tzurot_run() -> None:
    """Nothing is forgotten in either."""
    assert set(SERVICES) == {"postgres", "nats", "schema", STANDIN, *_children()}


def test_each_child_is_the_module_that_the_supervisor_starts() -> None:
    """The stand-in too."""
    standin = plan(Settings(_env_file=None)).standin
    assert standin is not None
    for name, command in {**_children(), STANDIN: standin}.items():
        assert SERVICES[name]["entrypoint"] == ["python", "-m", command[-1]], name


def test_every_variable_is_a_setting() -> None:
    """A misspelt name would be ignored in silence."""
    known = {name.upper() for name in Settings.model_fields} | NOT_OURS
    for name in SERVICES:
        assert set(_environment(name)) <= known, name


@pytest.mark.parametrize("service", ["projections", "worker", "console", "bot", "schema"])
def test_the_settings_of_each_service_can_be_used(service: str) -> None:
    """They validate, and point to the other containers by name, with the names and passwords those are given."""
    environment: dict[str, Any] = {name.lower(): value for name, value in _environment(service).items() if value}
    settings = Settings(_env_file=None, **environment)
    postgres, nats = _environment("postgres"), _environment("nats")
    found = urlsplit(settings.database_url or "")
    assert (found.hostname, found.port) == ("postgres", 5432)
    assert (found.username, found.password, found.path) == (
        postgres["POSTGRES_USER"],
        postgres["POSTGRES_PASSWORD"],
        f"/{postgres['POSTGRES_DB']}",
    )
    found = urlsplit(settings.nats_url or "")
    assert (found.hostname, found.port, found.username, found.password) == ("nats", 4222, broker.USER, nats["NATS_PASSWORD"])
    assert (postgres["POSTGRES_USER"], postgres["POSTGRES_DB"]) == (database.USER, database.DATABASE)


def test_postgres_is_the_embedded_one_s_version_with_pgvector() -> None:
    """And its log keeps texts out as the embedded one's does."""
    assert SERVICES["postgres"]["image"] == f"pgvector/pgvector:pg{database.MAJOR}"
    for setting in ("log_min_error_statement", "log_error_verbosity", "max_connections"):
        assert f"{setting}={database.SETTINGS[setting]}" in SERVICES["postgres"]["command"]


def test_nats_runs_with_the_repository_s_configuration() -> None:
    """Its user and its variable are those of nats.conf, its ports those that clients and health check use."""
    configuration = broker.CONFIGURATION.read_text()
    assert re.search(rf"user: {broker.USER}\b", configuration)
    assert "password: $NATS_PASSWORD" in configuration
    command = SERVICES["nats"]["command"]
    options = dict(zip(command[::2], command[1::2], strict=True))
    mounts = [volume.split(":") for volume in SERVICES["nats"]["volumes"]]
    assert [(ROOT / source).resolve() for source, target, *_ in mounts if target == options["-c"]] == [broker.CONFIGURATION]
    assert options["-p"] == "4222"
    assert "-m" not in options, "the monitoring port asks for no password"
    assert SERVICES["nats"]["healthcheck"]["test"][-1] == options["-p"]
    assert options["-sd"] in {target for _, target, *_ in mounts}


def test_the_console_is_published_on_loopback_only_and_has_a_password() -> None:
    """On the port that it is told to listen on, which is the default."""
    environment = _environment("console")
    port = Settings.model_fields["console_port"].default
    assert environment["CONSOLE_PORT"] == str(port)
    assert SERVICES["console"]["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert "CONSOLE_PASSWORD:?" in SERVICES["console"]["environment"]["CONSOLE_PASSWORD"]
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["console"]


def test_every_lasting_service_has_a_health_check_and_comes_back() -> None:
    """Ours ask for the heartbeat of the very process that the container runs."""
    for name, service in SERVICES.items():
        if name == "schema":
            continue
        assert service["healthcheck"]["test"][0] == "CMD", name
        assert service["restart"] == "unless-stopped", name
        if name in _children():
            assert service["healthcheck"]["test"][1:] == ["tzurot", "alive", name]


def test_nothing_starts_before_what_it_needs() -> None:
    """The schema waits for Postgres, the children for the schema and for both servers."""
    assert SERVICES["schema"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    for name in _children():
        conditions = {each: about["condition"] for each, about in SERVICES[name]["depends_on"].items()}
        assert conditions == {"schema": "service_completed_successfully", "postgres": "service_healthy", "nats": "service_healthy"}, name


def test_what_must_survive_lies_on_volumes_that_are_declared() -> None:
    """The master key above all: without it the texts cannot be read."""
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", []) if not volume.startswith(".")}
    assert used == set(COMPOSE["volumes"])
    for name in ("schema", *_children()):
        data = _environment(name)["TZUROT_DATA"]
        assert f"data:{data}" in SERVICES[name]["volumes"], name


def test_the_image_is_built_from_files_that_exist() -> None:
    """The container file copies the lock and installs it with its hashes."""
    for service in SERVICES.values():
        if "build" in service:
            file = ROOT / service["build"]["context"] / service["build"]["dockerfile"]
            assert "--require-hashes -r requirements.lock" in file.read_text()


def test_several_of_everything_is_the_same_with_more_servers() -> None:
    """The second file names parts of the first, and settings that can be used: every server, by the names they have there."""
    several: dict[str, Any] = yaml.safe_load((ROOT / "docs/container/compose.cluster.yaml").read_text())
    services = several["services"]
    brokers = {name for name in services if name.startswith("nats")}
    assert set(services) - set(SERVICES) == {"replica", "nats2", "nats3"}
    for name in ("schema", *_children()):
        given: dict[str, Any] = {key.lower(): _filled(value) for key, value in services[name]["environment"].items()}
        settings = Settings(_env_file=None, **given)
        assert {urlsplit(url).hostname for url in (settings.nats_url or "").split(",")} == brokers
        assert settings.nats_replicas == len(brokers) == 3
        assert "host=postgres%2Creplica" in (settings.database_url or "")
        assert (settings.database_url or "").endswith("target_session_attrs=read-write")
        assert (settings.database_read_url or "").endswith("target_session_attrs=standby")
    configuration = (ROOT / "engine/embedded/nats.cluster.conf").read_text()
    for name in brokers:
        known = _filled(services[name]["environment"]["NATS_ROUTES"])
        assert all(f"tzurot:{PASSWORDS['NATS_PASSWORD']}@{other}:6222" in known for other in brokers)
        assert all(f"${variable}" in configuration for variable in services[name]["environment"] if variable != "NATS_PASSWORD")
        assert services[name]["environment"]["NATS_NAME"] == name
    assert services["postgres"]["restart"] == "no", "an old primary would take what nobody ever sees"
    assert services["postgres"]["command"][:-2] == SERVICES["postgres"]["command"]
