"""What the worker's room adds to the command line: its processes, turns, models, quotas, keys, usage."""

import os
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any, get_args

import typer

from engine import config, process
from engine.decide.spending import model_override as overrides
from engine.decide.spending import model_quirk as quirk_rules
from engine.decide.spending.turn_model import Quirks
from engine.decide.spending.turn_request import effective
from engine.events.preset import Effort, Parameters, Reasoning
from engine.events.turn import GenerationStarted
from engine.fault import for_admin
from engine.outside import checks
from engine.outside.printed import plain
from engine.store import Log
from engine.terminal import Json, echo, say, table
from projections import inspector
from projections.inspecting import gather
from projections.inspecting.inspection import Inspection
from projections.models import provider_models
from projections.models.model_quirks import NotedQuirks
from projections.models.model_quirks import noted as noted_quirks
from projections.prompt.message import Message
from projections.terminal import group as shared_group
from worker import money, provider_commands, replay_command
from worker.jobs import commands as job_commands
from worker.memory import commands as memory_commands
from worker.terminal import NotFound, carry_out, with_log


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.command("worker")(run_worker)
    app.command("standin-provider")(run_standin)
    app.command("replay")(replay_command.replay)
    for name, (help_, commands) in (GROUPS | money.GROUPS | {"provider": provider_commands.GROUP}).items():
        group = typer.Typer(no_args_is_help=True, help=help_)
        for command, function in commands.items():
            group.command(command)(function)
        for former, command in _FORMER.get(name, {}).items():
            group.command(former, hidden=True)(commands[command])
        app.add_typer(group, name=name)
    memory_commands.register(shared_group(app, "memory", "What characters remember."))
    checks.BROUGHT["provider"] = _try_provider


def _try_provider(settings: config.Settings) -> list[checks.Finding]:
    """What `tzurot doctor` says of the provider's address."""
    from worker.providers.tried import look

    return look(settings)


def run_worker() -> None:
    """Take up turns and generate replies until stopped. `tzurot run` starts one of these by itself."""
    from worker.__main__ import main

    process.run(main, service="worker")


def run_standin(port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes any free one.")] = 8421) -> None:
    """Run the local stand-in provider: OpenAI-compatible HTTP that says what it is. Use its address as PROVIDER_BASE_URL."""
    from worker import standin

    os.environ["STANDIN_PORT"] = str(port)
    echo("Press Ctrl-C to stop.", err=True)
    process.run(standin.main, service="standin-provider")


def turn_show(
    ref: Annotated[str, typer.Argument(help="Error reference, turn id, or the id or link of a message.")],
    prompt: Annotated[bool, typer.Option("--prompt", help="Build the exact prompt again and show it.")] = False,
    json: Json = False,
) -> None:
    """Everything about a turn: why it happened, what was asked, what came back, how it was delivered."""

    async def work(log: Log) -> None:
        found = await inspector.find(log, ref)
        if not found:
            raise NotFound(f"Nothing is known about {ref}. It takes an error reference, a turn id, or the id of a message.")
        for turn in found:
            record = await inspector.record(log, turn)
            prompts = [await _again(log, started) for started in record.generations] if prompt else []
            _show_record(record, await gather.of_turn(log, turn), json=json, prompts=prompts)

    with_log(work)


async def _again(log: Log, started: GenerationStarted) -> tuple[list[Message], bool]:
    """The messages of a prompt, and whether they are those that were sent."""
    from projections.prompt.rebuild import rebuild

    try:
        again = await rebuild(log, started)
    except LookupError as error:
        raise NotFound(f"The prompt cannot be built again: {error}.") from None
    return list(again.prompt.messages), again.equal


def _show_record(record: inspector.Record, found: Inspection, *, json: bool, prompts: list[tuple[list[Message], bool]]) -> None:
    end = record.end.model_dump(mode="json") if record.end else None
    if json:
        shown = asdict(record) | {
            "request": record.request.model_dump(mode="json") if record.request else None,
            "generations": [started.model_dump(mode="json") for started in record.generations],
            "end": end,
            "inspection": asdict(found),
        }
        return say(
            shown | ({"prompts": [{"messages": [message.as_json() for message in m], "equal": e} for m, e in prompts]} if prompts else {}),
            json=True,
        )
    turn = record.turn
    table(("", ""), [(name, plain(value)) for name, value in asdict(turn).items() if value is not None])
    _show_inspection(found)
    calls = end.get("calls", []) if end else []
    if calls:
        rows = [(n, c["model"], c["why"], c["category"] or "ok", c["scope"], c["ms"]) for n, c in enumerate(calls, 1)]
        table(("call", "model", "why", "ended", "paid by", "ms"), rows)
    for started in record.generations:
        echo(f"call {started.attempt}: {started.prompt_tokens} tokens; {plain(started.parameters)}; left out: {plain(started.left_out)}")
    dropped = [(s.attempt, part.what, part.why, part.tokens or "") for s in record.generations for part in s.dropped]
    if dropped:
        table(("call", "not in the prompt", "why", "tokens"), dropped)
    for line in _ending(end) if end else ():
        echo(line)
    for messages, equal in prompts:
        echo(f"\n--- the prompt, {'byte for byte as sent' if equal else 'NOT as sent: something of it was erased or is missing'} ---")
        for message in messages:
            echo(f"[{message.role}]\n{message.content}\n")
    return None


def _show_inspection(found: Inspection) -> None:
    """The chapters that have no table of their own below, where the time went, and what led to what."""
    for chapter in found.chapters:
        if chapter.name in _OWN_TABLE:
            continue
        echo(f"{chapter.position or '':>9}  {chapter.title}")
        for name, value in chapter.facts:
            echo(f"{'':>11}{name}: {value}")
        if chapter.rows:
            table(chapter.head, list(chapter.rows))
    table(("time", "ms"), [(part.label, f"{part.ms:,.0f}") for part in found.stretches] + [("in all", f"{found.total_ms:,.0f}")])
    table(("led to", "event"), [(link.position, f"{'  ' * link.depth}{link.type}") for link in found.links])


_OWN_TABLE = frozenset({"end", "calls"})


def _ending(end: dict[str, Any]) -> list[str]:
    """How a turn ended, in lines. Pure."""
    if "category" in end:
        return [for_admin(end)]
    if "text" not in end:
        return [_WHY_STOPPED.get(end["why"], f"Stopped: {end['why']}.")]
    marks = ("cut_short", "recovered", "repeated", "guest", "upgrade_hint")
    said = [f"finished: {end['finish_reason']}", *(mark.replace("_", " ") for mark in marks if end[mark])]
    if end["stop_sequence"] is not None:
        said.append(f"at the stop sequence {end['stop_sequence']!r}")
    if end["left_out"]:
        said.append(f"left out: {', '.join(end['left_out'])}")
    if end["fallback_from"]:
        said.append(f"instead of {end['fallback_from']} ({end['fallback_why']})")
    thought = ["", "Thoughts, which nobody was shown:", end["reasoning"]] if end["reasoning"] else []
    return [", ".join(said), *thought, "", end["text"]]


def model_list(
    search: Annotated[str, typer.Argument(help="Words that id or name must contain.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many to show.")] = 25,
    json: Json = False,
) -> None:
    """List models of the provider's catalogue, free ones first."""

    async def work(log: Log) -> None:
        async with log.pool.connection() as connection:
            found = await provider_models.browse(connection, search, limit=limit)
        say([asdict(offer) for offer in found], json=json)
        if not json:
            columns = ("model", "context", "$/M in", "$/M out", "reasoning", "vision", "tools")
            table(
                columns,
                [
                    (o.model, o.context_tokens, _million(o.price_in), _million(o.price_out), *map(plain, (o.reasoning, o.vision, o.tools)))
                    for o in found
                ],
                empty="No model is known by that name. `tzurot model refresh` asks the provider what it has.",
            )

    with_log(work)


def _million(price: float | None) -> str:
    return "?" if price is None else f"{price * 1e6:g}"


def model_show(
    model: Annotated[str, typer.Argument(help="The model's id.")],
    effort: Annotated[
        str | None, typer.Option(help=f"Show the effective parameters for this effort: {', '.join(get_args(Effort))}.")
    ] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="... and this max_tokens.")] = None,
    json: Json = False,
) -> None:
    """What is known of a model, from which source, and what a preset would send to it."""

    if effort is not None and effort not in get_args(Effort):
        raise typer.BadParameter(f"it is one of {', '.join(get_args(Effort))}.", param_hint="--effort")

    async def work(log: Log) -> None:
        async with log.pool.connection() as connection:
            found = (await provider_models.known(connection, [model]))[model]
            fetched = await provider_models.fetched(connection)
        chosen = effective(
            Parameters.model_validate({"max_tokens": max_tokens, "reasoning": Reasoning.model_validate({"effort": effort})}), found
        )
        shown = asdict(found) | {
            "sends": chosen.body,
            "left_out": [str(left) for left in chosen.left_out],
            "max_tokens": chosen.max_tokens,
            "max_tokens_source": chosen.max_tokens_source,
            "warnings": chosen.warnings,
            "catalogues": [asdict(fetch) for fetch in fetched],
        }
        say(shown, json=json)
        if not json:
            ages = [f"{fetch.provider}: {fetch.models} models at {fetch.at:%Y-%m-%d %H:%M}Z" for fetch in fetched]
            words = {"catalogues": "; ".join(ages) or "none yet"}
            rows = [(name, words.get(name, "unknown" if value is None else value)) for name, value in shown.items() if name != "source"]
            table(("", "", "source"), [(name, plain(value), found.source.get(name, "")) for name, value in rows])

    with_log(work)


def model_override(
    model: Annotated[str, typer.Argument(help="The model's id.")],
    context_tokens: Annotated[int | None, typer.Option(min=256, help="Size of its window, in tokens.")] = None,
    max_output: Annotated[int | None, typer.Option(min=1, help="Most tokens it may write.")] = None,
    reasoning: Annotated[bool | None, typer.Option("--reasoning/--no-reasoning", help="Whether it reasons.", show_default=False)] = None,
    vision: Annotated[bool | None, typer.Option("--vision/--no-vision", help="Whether it sees pictures.", show_default=False)] = None,
    price_in: Annotated[float | None, typer.Option(min=0, help="US dollars per token.")] = None,
    price_out: Annotated[float | None, typer.Option(min=0, help="US dollars per token.")] = None,
    forbid: Annotated[list[str] | None, typer.Option(help="Parameter that must not be sent; may be repeated.")] = None,
    json: Json = False,
) -> None:
    """Say what holds for a model, above every other source. Effective with the next turn."""
    given = {
        "context_tokens": context_tokens,
        "max_output": max_output,
        "reasoning": reasoning,
        "vision": vision,
        "price_in": price_in,
        "price_out": price_out,
        "forbidden": tuple(forbid) if forbid is not None else None,
    }
    if all(value is None for value in given.values()):
        raise NotFound("Name what holds for the model, such as --price-in 0.000001. `tzurot model clear` takes an override back.")
    with_log(lambda log: carry_out(log, overrides.Override(model, given)))
    named = ", ".join(f"{name} = {value}" for name, value in given.items() if value is not None)
    say({"model": model} | given, json=json, words=f"Override saved: {model} {named}. Used from the next turn.")


def model_clear(model: Annotated[str, typer.Argument(help="The model's id.")], json: Json = False) -> None:
    """Take an override back."""
    with_log(lambda log: carry_out(log, overrides.Clear(model)))
    say({"model": model}, json=json, words=f"{model} is treated as catalogue and patterns say.")


def model_quirk(
    model: Annotated[str, typer.Argument(help="The model's id.")],
    forbid: Annotated[list[str] | None, typer.Option(help="Parameter that must not be sent; may be repeated.")] = None,
    rename: Annotated[list[str] | None, typer.Option(help="Parameter it knows by another name, as OLD=NEW; may be repeated.")] = None,
    messages: Annotated[
        list[str] | None, typer.Option(help=f"Form its conversations are brought into: {', '.join(quirk_rules.FORMS)}; may be repeated.")
    ] = None,
    json: Json = False,
) -> None:
    """Say what is odd about a model, beside what other sources say: until it is forgotten, and instead of what was learned."""
    pairs = [pair.partition("=") for pair in rename or []]
    quirks = Quirks(tuple(forbid or ()), {old: other for old, _, other in pairs}, tuple(messages or ()))
    with_log(lambda log: carry_out(log, quirk_rules.Note(model, quirks)))
    say(
        {"model": model} | asdict(quirks),
        json=json,
        words=f"Noted of {model}. Used from the next turn; `tzurot model forget` takes it back.",
    )


def model_forget(model: Annotated[str, typer.Argument(help="The model's id.")], json: Json = False) -> None:
    """Forget what was learned or said about the oddities of a model: the next refusal is learned from anew."""
    with_log(lambda log: carry_out(log, quirk_rules.Forget(model)))
    say({"model": model}, json=json, words=f"Nothing odd is known of {model} any more.")


def model_quirks(json: Json = False) -> None:
    """What was learned from refusals or said about the oddities of models, and until when it holds."""

    async def work(log: Log) -> None:
        async with log.pool.connection() as connection:
            found = await noted_quirks(connection)
        say([asdict(entry) for entry in found], json=json, words="" if found else "Nothing odd is known of any model.")
        if found and not json:
            rows = [
                (q.model, ", ".join(q.forbidden), ", ".join(f"{a}={b}" for a, b in q.renamed.items()), ", ".join(q.messages), _holds(q))
                for q in found
            ]
            table(("model", "not sent", "renamed", "messages", "holds"), rows)

    with_log(work)


def _holds(quirks: NotedQuirks) -> str:
    return f"learned, until {quirks.until:%Y-%m-%d}" if quirks.until else "until forgotten"


def model_refresh(json: Json = False) -> None:
    """Fetch the provider's catalogue now."""
    from worker.connect import at_hand
    from worker.jobs.catalogue import refresh
    from worker.providers.http import Http, Way

    async def work(log: Log) -> None:
        settings = config.settings()
        async with Http(Way.of(settings)) as http:
            count = await refresh(await at_hand(settings, log, http))
        say({"models": count}, json=json, words=f"{count} models.")

    with_log(work)


GROUPS: dict[str, tuple[str, dict[str, Callable[..., None]]]] = {
    "turn": ("Explain a turn.", {"show": turn_show}),
    "model": (
        "Browse models, see what Tzurot knows about each, and override it.",
        {
            "list": model_list,
            "show": model_show,
            "override": model_override,
            "clear": model_clear,
            "refresh": model_refresh,
            "quirk": model_quirk,
            "quirks": model_quirks,
            "forget": model_forget,
        },
    ),
    "job": ("Jobs: work that happens later or takes long.", job_commands.COMMANDS),
}
"""Name of a group of commands -> (its help, its commands)."""
_FORMER = {"model": {"browse": "list", "view": "show"}, "keys": {"browse": "list"}}
"""Name of a group -> a command's former name, which still works, -> its name."""
_WHY_STOPPED = {
    "message deleted": "Not answered: the message was deleted before the answer was there.",
    "superseded": "Not answered: a newer turn took its place.",
    "user erased": "Not answered: its author's data were erased.",
    "too late": "Not answered: it came too late to be answered.",
    "already told": "Not answered: a limit stood in the way. The person had been told of it before; `tzurot quota show` lists the limits.",
    "stopped": "Not answered: somebody stopped it before the answer was there.",
}
