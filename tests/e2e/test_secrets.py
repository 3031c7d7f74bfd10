"""R39: everything a running system produced is searched for its secrets, with the logs at their most talkative."""

import asyncio
import base64
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import httpx
import psycopg
import pytest

from engine import ids
from tests.support import forks
from tests.support.canaries import PAGES, fresh, in_files, in_tables
from tests.support.provider.server import Behaviour, FaultServer, ProviderRequest, Reply, Status, Stream, chunk, event
from tests.support.system import MASTER_KEY, Shape, Tzurot, running, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

OWN, SYSTEM, PASSWORD = fresh(), fresh(), fresh()
"""Without the shape of a key, so that no pattern can know them; a fourth and fifth are Discord's."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a command or a page said, and of which."""

    where: str
    text: str


def echo(asked: ProviderRequest) -> Behaviour:
    """A provider that quotes the key it was called with: in a refusal, in a broken stream, in a page of HTML; then it answers."""
    said = asked.body["messages"][-1]["content"]
    if "refuse" in said:
        return Status(401, f"Incorrect API key provided: {asked.key}", extra={"request": {"authorization": f"Bearer {asked.key}"}})
    if "break" in said:
        return Stream([event(chunk("Once upon")), event({"error": {"code": 502, "message": f"upstream said no to {asked.key}"}})])
    return Reply("It was a quiet evening at the harbour.")


async def tzurot(system: Tzurot, *arguments: str, stdin: str = "", **more: str) -> Heard:
    """A command in the system's environment: what it wrote, on both streams."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | system._environment("") | more
    done = await forks.command(*arguments, environment=environment, text=stdin)
    return Heard(f"tzurot {' '.join(arguments)}", done.out + done.errors)


async def pages(system: Tzurot) -> list[Heard]:
    """Every page, every event, every turn with its prompt, as the owner sees them."""
    async with await psycopg.AsyncConnection.connect(system.dsn) as connection:
        positions = await (await connection.execute("SELECT position FROM events")).fetchall()
        turns = await (await connection.execute("SELECT DISTINCT turn FROM events WHERE turn IS NOT NULL")).fetchall()
    paths = [*PAGES, *(f"/events/{position}" for (position,) in positions)]
    paths += [path for (turn,) in turns for path in (f"/turns/{turn}", f"/turns/{turn}/prompt", f"/api/turns/{turn}")]
    async with httpx.AsyncClient(base_url=system.console, auth=("owner", PASSWORD)) as visitor:
        answers = [(path, await visitor.get(path)) for path in paths]
    assert {answer.status_code for path, answer in answers if not path.endswith("/prompt")} <= {200, 503}
    return [Heard(path, answer.text) for path, answer in answers]


async def commands(system: Tzurot) -> list[Heard]:
    """What people type, what fails, and what fails before it begins."""
    references = [row["reference"] for row in await failed(system)]
    typed = [
        *(tzurot(system, "turn", "show", reference, "--prompt") for reference in references),
        tzurot(system, "keys", "browse"),
        tzurot(system, "keys", "test", "--user", system.discord.user_id("ann"), "--provider", "local"),
        tzurot(system, "doctor"),
        tzurot(system, "quota", "show", DATABASE_URL=f"postgres://somebody:{PASSWORD}@127.0.0.1:9/nowhere"),
        tzurot(system, "quota", "show", MASTER_KEY=f"no key {PASSWORD}"),
    ]
    heard = list(await asyncio.gather(*typed))
    assert len(references) == 2
    assert all("[key]" in one.text for one in heard[:2]), "the provider's words are shown, but for the key in them"
    return heard


async def failed(system: Tzurot) -> list[dict[str, str]]:
    async with await psycopg.AsyncConnection.connect(system.dsn) as connection:
        rows = await (await connection.execute("SELECT data FROM events WHERE type = 'turn.failed'")).fetchall()
    return [json.loads(bytes(data)) for (data,) in rows]


def forms(secrets: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    """As it is, and as it would look in base64."""
    for name, secret in secrets.items():
        yield name, secret.encode()
        yield f"{name} in base64", base64.b64encode(secret.encode()).rstrip(b"=")[:-1]


async def test_no_secret_is_found_anywhere() -> None:
    """Bot token, webhook tokens, provider keys, password, master key: not in logs, tables, files, pages or words."""
    async with FaultServer.running() as provider:
        provider.decide = echo
        settings = {"LOG_LEVEL": "debug", "PROVIDER_API_KEY": SYSTEM, "CONSOLE_PASSWORD": PASSWORD}
        parts = ("projections", "worker", "console", "bot")
        async with running(Shape(parts, provider=provider.address, lanes=1, settings=settings)) as system:
            ann = system.discord.user_id("ann")
            stored = await tzurot(system, "keys", "set", "--user", ann, "--provider", "local", stdin=f"{OWN}\n")
            for user, what in (("ann", "good morning"), ("ann", "refuse this"), ("ben", "break it, please")):
                message = await system.discord.say("lane-0", user, f"@Wren {what}")
                await until(partial(_answered, system, message), 60.0, f"an answer to {user}")
            heard = [stored, *await commands(system), *await pages(system)]
            secrets = {"a person's key": OWN, "the operator's key": SYSTEM, "the password": PASSWORD, "the master key": MASTER_KEY}
            secrets |= {"the bot's token": system.discord.token}
            secrets |= {f"webhook {n}": hook.token for n, hook in enumerate(system.discord.world.webhooks.values())}
            needles = dict(forms(secrets))
            posts = "\n".join(str(m["content"]) for m in system.discord.replies("lane-0"))
            found = [
                f"{name} in {one.where}"
                for one in [*heard, Heard("Discord", posts)]
                for name, n in needles.items()
                if n in one.text.encode()
            ]
            found += in_files(needles, system.folder) + await in_tables(needles, system.dsn)
            asked = {asked.key for asked in provider.journal}
    assert asked == {OWN, SYSTEM}
    assert len(secrets) >= 6
    assert found == []


async def _answered(system: Tzurot, message: str) -> bool:
    """Whether the answer stands there to its end: its beginning may be shown while it is made."""
    ended = "SELECT count(*) FROM events WHERE type IN ('reply.delivered', 'reply.failed') AND correlation = %s"
    async with await psycopg.AsyncConnection.connect(system.dsn) as connection:
        row = await (await connection.execute(ended, (ids.message_event(int(message), "received"),))).fetchone()
    return bool(row and row[0])
