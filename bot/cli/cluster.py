"""`tzurot cluster`: what several machines run, on this one, to look at it and to break it (ADR 75)."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.cli import output
from bot.cli.running import settings_of
from engine import clock
from engine.embedded.folder import EmbeddedError
from projections.terminal import group

Node = Annotated[str, typer.Argument(help="Its name, such as db1, nats2 or bot.")]
Data = Annotated[Path | None, typer.Option(help="Data folder, instead of TZUROT_DATA.", show_default=False)]
ANSWER_S = 3.0


def register(app: typer.Typer) -> None:
    """Add the commands."""
    commands = group(
        app, "cluster", "Several servers and parts on this machine, as several machines run them: start, kill, promote, drill."
    )
    for command in (up, status, kill, start, promote, alone):
        commands.command()(command)


def up(json: output.Json = False, data: Data = None) -> None:
    """Start three NATS, two Postgres, two bots, three workers, two for the read models, and a console; until Ctrl-C.

    Each is started again when it dies, unless `tzurot cluster kill` killed it. The servers keep their files in the folder `cluster` of
    the data folder.
    """
    from bot.cli.supervisor import run_system
    from bot.cli.supervisor.machines import Machines
    from bot.cli.supervisor.report import Report

    settings = settings_of(data)
    raise typer.Exit(run_system(Machines(settings, Report(as_json=json), logs=settings.tzurot_data / "logs"), lambda _: None))


def status(json: output.Json = False, data: Data = None) -> None:
    """Show what each node is and whether it runs. Exit code 1 when one does not."""
    from bot.cli.supervisor import machines

    folder = settings_of(data).tzurot_data
    rows = asyncio.run(_standing(folder, machines.pids(folder)))
    output.listed(rows, "No cluster was started here yet. Start it with: tzurot cluster up", json=json)
    raise typer.Exit(0 if rows and all(row["runs"] for row in rows) else 1)


def kill(node: Node, json: output.Json = False, data: Data = None) -> None:
    """Kill a node, as a machine that loses its power would; it stays away until `tzurot cluster start`."""
    from bot.cli.supervisor import machines

    pid = machines.kill(settings_of(data).tzurot_data, node)
    _tell({"node": node, "pid": pid}, f"{node} (process {pid}) is killed. It comes back with: tzurot cluster start {node}", json=json)


def start(node: Node, json: output.Json = False, data: Data = None) -> None:
    """Let a node that was killed come back. A Postgres that is the primary no more comes back as a copy of the one that is."""
    from bot.cli.supervisor import machines

    machines.start(settings_of(data).tzurot_data, node)
    _tell({"node": node}, f"{node} starts. `tzurot cluster status` shows when it is there.", json=json)


def promote(
    anyway: Annotated[bool, typer.Option("--anyway", help="Also when the copy misses what the primary acknowledged alone.")] = False,
    json: output.Json = False,
    data: Data = None,
) -> None:
    """Make the copy of the database the primary, once the old one is gone. All parts find it by themselves."""
    from bot.cli.supervisor.machines import FOLDER
    from engine.embedded.cluster import Cluster

    began = clock.monotonic()
    name = asyncio.run(Cluster(settings_of(data).tzurot_data / FOLDER).promote(anyway=anyway))
    seconds = round(clock.monotonic() - began, 2)
    _tell({"primary": name, "seconds": seconds}, f"{name} takes what is stored, after {seconds} s.", json=json)


def alone(json: output.Json = False, data: Data = None) -> None:
    """Let the primary acknowledge what its copy has not got, because that is lost and people wait. It ends when a copy follows again."""
    from bot.cli.supervisor.machines import FOLDER
    from engine.embedded.cluster import Cluster

    cluster = Cluster(settings_of(data).tzurot_data / FOLDER)
    asyncio.run(cluster.alone())
    _tell({"primary": cluster.primary}, f"{cluster.primary} goes on alone until a copy follows it.", json=json)


def _tell(value: dict[str, Any], words: str, *, json: bool) -> None:
    output.as_json(value) if json else output.echo(words)


async def _standing(data: Path, pids: dict[str, int]) -> Sequence[dict[str, Any]]:
    from bot.cli.supervisor import machines
    from engine.embedded.cluster import BROKERS, DATABASES, Cluster

    if not pids:
        return []
    cluster = Cluster(data / machines.FOLDER)
    leader, current = await _stream(cluster)
    rows = []
    for node in machines.NODES:
        runs = machines.runs(pids.get(node, 0), data)
        says = "killed" if machines.away(data, node) else "" if runs else "does not run"
        if runs and node in DATABASES:
            with suppress(EmbeddedError):
                says = await cluster.standing(node)
        if runs and node in BROKERS:
            says = "leads the stream" if node == leader else "has all of the stream" if node in current else "has not all of the stream"
        rows.append({"node": node, "pid": pids.get(node, 0) if runs else None, "runs": runs, "says": says})
    return rows


async def _stream(cluster: Any) -> tuple[str, frozenset[str]]:
    from engine.bus import broker

    for member in cluster.brokers.values():
        member.port, member.password = int((member.folder / "port").read_text()), cluster.secret(member.folder.parent / "nats.password")
    with suppress(TimeoutError, *broker.TROUBLE):
        async with asyncio.timeout(ANSWER_S), broker.connected(cluster.nats_url, "status") as stream:
            return await broker.copies(stream)
    return "", frozenset()
