"""`tzurot provider`: which provider of models is connected, and how to connect another one while everything runs."""

import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from typing import Annotated

import typer

from engine import config, ids
from engine.actor import operator
from engine.decide.spending.provider import Disconnect, address
from engine.execute import execute
from engine.outside import given
from engine.store import Log
from engine.terminal import Json, say
from projections import provider
from worker.terminal import OPERATOR, NotFound, with_log


def show(json: Json = False) -> None:
    """Show where models are asked."""

    async def work(log: Log) -> None:
        found = await provider.connected(log)
        if found is None:
            return say({"connected": None}, json=json, words="Nothing is connected here: models are asked where the settings say.")
        key = f"with the key that ends in {found.last4}" if found.last4 else "without a key"
        shown = {"connected": {"name": found.name, "address": found.base_url, "last4": found.last4}}
        return say(shown, json=json, words=f"{found.base_url}, {key}")

    with_log(work)


def connect(
    where: Annotated[str, typer.Argument(metavar="ADDRESS", help="OpenAI-compatible address, such as https://openrouter.ai/api/v1.")],
    model: Annotated[str, typer.Option(help="Model to ask. Default: the only one offered, or openrouter/auto.")] = "",
    key: Annotated[bool, typer.Option("--key", help="Read the key from standard input, where no list of processes shows it.")] = False,
    json: Json = False,
) -> None:
    """Try an address and, when it answers, ask models there from the next turn on. Exit code 1 when it does not."""
    from worker import connect as connecting
    from worker.jobs.catalogue import refresh
    from worker.providers.chat import Endpoint
    from worker.providers.failure import ProviderFailed
    from worker.providers.http import Http, Way
    from worker.work import Work

    secret = given.trimmed("provider_api_key", sys.stdin.read(5000)) if key else ""

    async def work(log: Log) -> connecting.ConnectionTry:
        settings, url = config.settings(), address(where)
        key_id = await provider.keep(log, secret) if secret else None
        async with Http(Way.of(settings)) as http:
            at_hand = Work(settings, log, http, Endpoint("settings", url), None)
            found = await connecting.connect(at_hand, operator(OPERATOR), url, key_id, model)
            if found.model:
                with suppress(ProviderFailed):  # who has no list of models answers all the same
                    await refresh(at_hand)
        return found

    found = with_log(work)
    if not found.model:
        more = f" It offers: {', '.join(found.models[:20])}." if found.models else ""
        raise NotFound(found.sentence + more)
    say(asdict(found), json=json, words=found.sentence)


def disconnect(json: Json = False) -> None:
    """Ask models where the settings say again."""

    async def work(log: Log) -> bool:
        done = await execute(log, operator(OPERATOR), Disconnect(), ids.random_id())
        await provider.forget(log, but=None)
        return bool(done.events)

    was = with_log(work)
    say({"disconnected": was}, json=json, words="Disconnected." if was else "Nothing was connected.")


GROUP: tuple[str, dict[str, Callable[..., None]]] = (
    "Show and change where models are asked.",
    {"show": show, "connect": connect, "disconnect": disconnect},
)
