"""Commands that need the clone: smoke, chaos, discord-standin."""

import asyncio
import sys
from typing import Annotated

import typer

from bot.cli import output
from engine import log
from projections.terminal import group


def register(app: typer.Typer) -> None:
    app.command()(smoke)
    app.command()(chaos)
    app.command("discord-standin")(discord_standin)
    group(app, "cluster", "Several servers and parts on this machine.").command("drill")(drill)


def quietly() -> None:
    """Only errors of this process itself are logged, to standard error: what it breaks on purpose is not news."""
    log.configure("tests", "error", "json")


def smoke(json: output.Json = False) -> None:
    """Start everything in a temporary folder and send one message through the playground and one through a stand-in Discord.

    Prints for each the reply, the events by name in order, and the times before and after the provider. Leaves nothing running.
    """
    from tests.support.smoke import smoke as run

    quietly()
    result = asyncio.run(run(lambda line: print(line, file=sys.stderr)))
    if json:
        output.as_json(result)
        return
    exchanges = result["exchanges"]
    assert isinstance(exchanges, list)
    for exchange in exchanges:
        typer.echo(f"\n{exchange['venue']}: {exchange['message']}\n  {exchange['reply']}\n  {', '.join(exchange['events'])}")
        before, after = exchange["message_to_request_ms"], exchange["provider_end_to_delivered_ms"]
        typer.echo(f"  message to request {before} ms, provider {exchange['provider_ms']} ms, its end to delivered {after} ms")


def chaos(
    row: Annotated[str, typer.Argument(help="Row of the scorecard, such as R01; `list` shows all.")],
    trials: Annotated[int | None, typer.Option(min=1, help="Number of trials; default that of a full run.", show_default=False)] = None,
    events: Annotated[
        int | None, typer.Option(min=1, help="Scale of rows that take one: messages a second, seconds, or events.", show_default=False)
    ] = None,
    json: output.Json = False,
) -> None:
    """Break a running system on purpose, again and again, and let the oracle judge what is left. Exit code 1 when a row fails.

    Ctrl-C ends a run after its current trial, with the result so far.
    """
    from tests.chaos.rows import run_row, titles

    if row == "list":
        found = titles()
        output.as_json(found) if json else output.table(
            ("row", "trials", "what"), [(t["row"], str(t["trials"]), t["title"]) for t in found]
        )
        return
    quietly()
    result = asyncio.run(run_row(row, trials, events))
    if json:
        output.as_json(result)
    else:
        output.table(("", ""), [(name, str(value)) for name, value in result.items()], title=row)
    raise typer.Exit(0 if result["passed"] else 1)


def drill(
    rounds: Annotated[int, typer.Option(min=1, max=100, help="How often each node is killed.")] = 1,
    rate: Annotated[int, typer.Option(min=1, max=100, help="Messages a second that people say meanwhile.")] = 10,
    json: output.Json = False,
) -> None:
    """Start a cluster in a temporary folder, kill each node under load, promote the replica, and judge what is left.

    Shows for each node how long nobody was answered, and for all what was lost or done twice. Exit code 1 when anything was, or when
    it took more than ten seconds. The full row: `tzurot chaos R47`.
    """
    from tests.chaos.cluster import ROUND
    from tests.chaos.rows import run_row

    quietly()
    result = asyncio.run(run_row("R47", rounds * len(ROUND), rate))
    if json:
        output.as_json(result)
    else:
        output.listed(result["killed"], "Nothing was killed.", json=False)
        rest = "the oracle finds nothing else." if result["passed"] else f"not as it should be: {result['broken']} {result['oracle']}"
        output.echo(f"{result['messages']} messages, {result['lost']} lost, {result['duplicates']} answered twice; {rest}")
    raise typer.Exit(0 if result["passed"] else 1)


def discord_standin(
    json: output.Json = False,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes any free one.")] = 8421,
    real_limits: Annotated[bool, typer.Option("--real-limits", help="Discord's usual rate limits instead of wide ones.")] = False,
) -> None:
    """Run the stand-in Discord by hand: a page to write in a channel, and what to set so that the bot connects to it."""
    from tests.support.discord.__main__ import serve

    if not json:
        hint = "Set DISCORD_TOKEN to `token` and DISCORD_API_BASE to `api_base` of the line below, then start `tzurot run`."
        print(hint, file=sys.stderr)
    asyncio.run(serve(port, real_limits=real_limits))
