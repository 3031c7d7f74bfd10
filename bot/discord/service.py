"""Everything the bot is made of, built once and passed down."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from typing import Any
from uuid import UUID

import aiohttp

from bot.delivery.queue import Queues
from bot.delivery.streaming import Streams
from bot.discord import standby
from bot.discord.asides import Asides
from bot.discord.backfill import Backfill
from bot.discord.bulletins import Bulletins
from bot.discord.client import Client, Raw, point_at
from bot.discord.connection import TOKEN_SENTENCE, NotLetIn, stay_connected
from bot.discord.context import Context
from bot.discord.dm_hint import DmHint
from bot.discord.features.commands import add_all
from bot.discord.features.me import cog as me
from bot.discord.features.reply import press as replies
from bot.discord.features.resources import press as resources
from bot.discord.features.resources.editor import Editor
from bot.discord.features.undo import press as undo
from bot.discord.ingest import Ingest
from bot.discord.looking import Looking
from bot.discord.outage_notice import OutageNotice
from bot.discord.payload import Json
from bot.discord.permissions import Permissions
from bot.discord.place_names import PlaceNames
from bot.discord.pluralkit import PluralKit
from bot.discord.portraits import Portraits
from bot.discord.post import Post
from bot.discord.presses import Presses
from bot.discord.quoting.quotes import Quotes
from bot.discord.reactions import Reactions
from bot.discord.rest import Busy, Refused, Rest, Unsure
from bot.discord.roster import Roster
from bot.discord.serving import Serving
from bot.discord.sync import sync
from bot.discord.translate import ChannelFacts, ServerFacts, Us
from bot.discord.typing import Typing
from bot.discord.webhooks import Webhooks
from bot.triggers import is_triggerable, resolve
from engine import log, process
from engine.bus import DISCORD, Reference, consume, hints
from engine.bus.consumer import TRANSIENT
from engine.config import Settings, require_database, require_nats
from engine.events.message import MessageReceived
from engine.store import Log, open_log
from engine.store.right import Right
from engine.vault import load_master_key
from engine.watching import metrics, tracing
from engine.watching.metrics import Gauges
from projections.follow import runner
from projections.live import heartbeats
from projections.models import turns

SWEEP_S, SWEEP_OLDER_S = 5.0, 3.0
DELIVERIES = 8
TIDY_S = 600.0
READ_MODELS = ("history", "catalog", "channels", "turns", "deliveries")
_log = log.get("discord")


class Service:
    """The running bot."""

    def __init__(self, settings: Settings, log: Log, rest: Rest, us: Us, numbers: Gauges | None = None) -> None:
        self.settings, self.log, self.rest, self.us = settings, log, rest, us
        self.numbers = numbers or Gauges("bot")
        self.client: Client | None = None
        self.roster = Roster(log, settings.bot_mention_char, named_only=settings.allowed_servers_only)
        self.typing = Typing(rest, self._still_pending)
        self.ingest = Ingest(log, self.roster, self.typing, us, self._place)
        self.ingest.pluralkit = PluralKit(log, settings.pluralkit_api)
        self.ingest.quotes = Quotes(log, rest)
        self.webhooks = Webhooks(rest, us.application_id)
        self.portraits = Portraits(log, rest, us.application_id, self.roster.avatars)
        post = Post(rest, self.webhooks, us, self.portraits)
        self.reactions = Reactions(log, us, self._place, settings.owner_ids, Looking(log, post, settings))
        self.backfill = Backfill(log, rest, self.ingest, us, self.reactions.missed)
        self.deliver = Queues(log, post, self._shown)
        self.streams = Streams(log, post, self.deliver.wake)
        self.dm_hint = DmHint(rest, self.roster, settings.bot_mention_char)
        self.ingest.name_of = self._name_of
        self.ingest.on_turns = self._expect
        self._early: set[asyncio.Task[None]] = set()
        self.ingest.on_lost = self.dm_hint.show
        self.asides = Asides(log, rest, settings)
        self.ingest.on_decided = lambda message, found: self.asides.decided(message, found, self.roster.names)
        self.serving = Serving(log, rest, settings.bot_mention_char, named_only=settings.allowed_servers_only)
        self.bulletins = Bulletins(log, rest, us, lambda channel: self._place(channel).guild_id)
        self.permissions = Permissions(log, rest, self._place, self._server)
        self.place_names = PlaceNames(log, self._place, self._server, self._name_of)
        rest.on_answer = self.permissions.answered
        self.outage_notice = OutageNotice(rest, self._is_for_us)
        self.ingest.on_held, self.ingest.on_stored = self.outage_notice.held, self.outage_notice.stored
        self.context = Context(log, self.roster, settings, self.typing.begin)
        self.editor = Editor(self.context)
        self.presses = Presses(
            resources.handlers(self.editor), undo.handlers(self.context), replies.handlers(self.context), me.handlers(self.context)
        )
        self._preparing: asyncio.Task[None] | None = None
        self._more = asyncio.Event()
        self.ingest.on_drop = self._more.set
        self._told = self._tables_exist = False

    def make_client(self) -> Client:
        """A new connection's client, with all commands."""
        raw: dict[str, Raw] = {
            "READY": self._ready,
            "GUILD_CREATE": self._guild,
            "MESSAGE_CREATE": self.ingest.message_create,
            "MESSAGE_UPDATE": self.ingest.message_update,
            "MESSAGE_DELETE": self.ingest.message_delete,
            "MESSAGE_DELETE_BULK": self.ingest.message_delete,
            "MESSAGE_REACTION_ADD": self.reactions.add,
            "MESSAGE_REACTION_REMOVE": self.reactions.remove,
            "MESSAGE_REACTION_REMOVE_ALL": self.reactions.clear,
            "MESSAGE_REACTION_REMOVE_EMOJI": self.reactions.clear,
            "TYPING_START": self.ingest.typing_start,
            "INTERACTION_CREATE": self._interaction,
            **dict.fromkeys(("GUILD_UPDATE", "CHANNEL_UPDATE", "THREAD_UPDATE"), self.place_names.renamed),
        }
        client = self.client = Client(raw, self._up, self.presses.take)
        add_all(client, self.context, self.editor)
        return client

    def _ready(self, _: Json) -> None:
        """A new session, and events may have been missed: nothing is taken until it is known from where on to look back."""
        self.ingest.gate.clear()
        if self._preparing is not None:
            self._preparing.cancel()
        self._preparing = asyncio.create_task(self._prepare(), name="backfill")

    def _guild(self, payload: Json) -> None:
        """A server is there: at the start of a session, or because the bot was invited."""
        self.backfill.noticed(payload)
        self.serving.joined(payload)
        self._more.set()

    def _interaction(self, payload: Json) -> None:
        """Somebody uses a command or presses something."""
        self.permissions.interaction(payload)
        self.place_names.interaction(payload)

    async def _prepare(self) -> None:
        await self._read_models()
        await _at_last(self.backfill.prepare)
        self.ingest.gate.set()
        await _at_last(self._resume_typing)
        while True:
            self._more.clear()
            pause = await self.backfill.run()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._more.wait(), pause)

    def _shown(self, turn: UUID) -> None:
        """An answer is about to appear."""
        self.typing.end(turn)
        self.streams.ended(turn)

    async def handle(self, reference: Reference) -> None:
        """The consumer's handler."""
        await self._read_models()
        await self.deliver.handle(reference)

    async def listen(self) -> None:
        """Deliver what references wake us for. Beside the rest: without the broker everything still works, only less promptly."""
        url = require_nats(self.settings)
        async with (
            hints.drafts(url, "discord", self.streams.on_draft, name="discord drafts") as listener,
            hints.read_models(nats := listener.config.connection_state.connection),
            consume(url, self.log, DISCORD, self.handle, concurrency=DELIVERIES),
        ):
            with hints.announced(nats, self.log):
                await asyncio.Event().wait()

    async def _read_models(self) -> None:
        """Until the tables that the bot reads exist: at a first start the process that makes them starts beside this one."""
        while not self._tables_exist:
            with suppress(*TRANSIENT):
                self._tables_exist = await runner.wait_for(self.log.pool, READ_MODELS, 0, seconds=5.0)

    async def _up(self, client: Client) -> None:
        """After READY."""
        with suppress(Refused, Unsure, Busy):
            await sync(client, self.rest, self.us.application_id)
        if not self._told:
            self._told = True
            process.ready(
                f"Discord: {client.user.name if client.user else ''} in {len(client.guilds)} server{'s' if len(client.guilds) != 1 else ''}"
            )

    async def sweep(self) -> None:
        """Deliver what no reference woke us for: at the start, and every few seconds. For ever."""
        await self._read_models()
        await _at_last(self.deliver.sweep)
        while True:
            await asyncio.sleep(SWEEP_S)
            await _at_last(lambda: self.deliver.sweep(SWEEP_OLDER_S))
            if (client := self.client) is not None:
                await _once(self.serving.leave_denied([guild.id for guild in client.guilds]))
                await _once(self.bulletins.tend(client))

    async def tidy(self) -> None:
        """Take pictures that are not used any more away from Discord. For ever."""
        await self._read_models()
        while True:
            await asyncio.sleep(TIDY_S)
            with suppress(Refused, Unsure, Busy, *TRANSIENT):
                await self.portraits.tidy()

    async def beat(self) -> None:
        """Say that the bot is alive, and how it is doing."""
        client, counts = self.client, self.ingest.counts
        details: dict[str, Any] = {
            "discord": "connected" if client is not None and client.is_ready() and not client.is_closed() else "not connected",
            "stored": counts.stored,
            "turns": counts.turns,
            "unaddressed": counts.unaddressed,
            "dropped": sum(client.dropped.values()) if client else 0,
            "refused": counts.refused,
            "failed": counts.failed,
            "deferred": counts.deferred,
            "channels_behind": len(self.ingest.behind),
            "channels_unreadable": counts.unreadable,
            "invalid_requests": self.rest.invalid,
        }
        self.numbers.set({name: float(value) for name, value in details.items() if not isinstance(value, str)})
        self.numbers.set({"connected": float(details["discord"] == "connected"), **self.reactions.counts})
        await heartbeats.beat(self.log.pool, "bot", details)

    async def close(self) -> None:
        """Finish what was accepted."""
        for task in (*self._early, *([self._preparing] if self._preparing else [])):
            task.cancel()
        await self.ingest.drain(5.0)
        await self.reactions.drain(5.0)
        await self.streams.close()
        await self.deliver.close()
        self.typing.close()
        self.dm_hint.close()
        await self.outage_notice.close()
        self.asides.close()
        self.serving.close()
        self.permissions.close()
        self.place_names.close()
        with suppress(Exception):  # on the way out: the row goes stale by itself
            await heartbeats.leave(self.log.pool, "bot")

    def _expect(self, message: MessageReceived) -> None:
        """An answer will be needed here: have the webhook ready by then."""
        if message.channel_kind != "dm":
            self.place_names.used(message.channel_id)
            task = asyncio.create_task(self.webhooks.prepare(message.channel_id, message.parent_channel_id))
            self._early.add(task)
            task.add_done_callback(self._early.discard)

    def _is_for_us(self, message: MessageReceived) -> bool:
        """Whether somebody waits for an answer to it, as far as can be told without Postgres."""
        return is_triggerable(message) and (message.channel_kind == "dm" or bool(resolve(message, self.roster.remembered(message))))

    def _place(self, channel_id: int) -> ChannelFacts:
        return self.client.place(channel_id) if self.client is not None else ChannelFacts()

    def _server(self, guild_id: int) -> ServerFacts:
        return self.client.server(guild_id) if self.client is not None else ServerFacts()

    def _name_of(self, key: str, guild_id: int | None) -> str:
        return self.client.name_of(key, guild_id) if self.client is not None else ""

    async def _still_pending(self, turn: Any) -> bool:
        async with self.log.pool.connection() as connection:
            found = await turns.get(connection, turn)
        return found is None or found.status == "pending"

    async def _resume_typing(self) -> None:
        async with self.log.pool.connection() as connection:
            waiting = [t for t in await turns.pending(connection) if t.venue == "discord"]
        for turn in waiting:
            self.typing.begin(turn.channel, [turn.turn])


async def _once(work: Awaitable[object]) -> None:
    """Do it; what comes of trouble or of something odd is tried again with the next round."""
    try:
        await work
    except TRANSIENT:
        return
    except Exception as error:  # answers are delivered by the same round: one odd server must not end that
        _log.error("failed, will try again", exc_info=error)


async def _at_last(work: Callable[[], Awaitable[object]]) -> None:
    """Do it, as often as it takes."""
    while True:
        try:
            await work()
            return
        except TRANSIENT as error:
            _log.warning("will try again", error=type(error).__name__)
        except Exception as error:  # a bot that is deaf for one odd row would be worse than one that asks again
            _log.error("failed, will try again", exc_info=error)
        await asyncio.sleep(1.0)


async def serve(settings: Settings, token: str, stop: asyncio.Event) -> None:
    """Run the bot until `stop`: lead, or stand by while another process does. Raises NotLetIn when Discord refuses it for good."""
    point_at(settings.discord_api_base)
    async with AsyncExitStack() as stack:
        dsn = require_database(settings)
        opened = await stack.enter_async_context(open_log(dsn, load_master_key(settings), pool_size=8))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        rest = Rest(settings.discord_api_base.rstrip("/"), token, session)
        us = await _who_are_we(rest, stop)
        right, numbers = Right(dsn, "discord"), Gauges("bot")
        metrics.serve(settings.bot_metrics_port, numbers, "BOT_METRICS_PORT")
        tracing.export("bot")
        stack.push_async_callback(right.leave)
        while us is not None and await standby.led(right, opened.pool, stop):
            await _lead(Service(settings, opened, rest, us, numbers), token, right, stop)


async def _lead(service: Service, token: str, right: Right, stop: asyncio.Event) -> None:
    """Be the bot until `stop`, or until another process is."""
    jobs = (
        stay_connected(token, service.make_client),
        service.listen(),
        service.sweep(),
        service.tidy(),
        process.beat(service.beat),
        right.lost(),
        stop.wait(),
    )
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await service.close()


async def _who_are_we(rest: Rest, stop: asyncio.Event) -> Us | None:
    """The bot's ids, asked until Discord answers; None when stopped first. Raises NotLetIn for a wrong token."""
    pause = 1.0
    while not stop.is_set():
        try:
            user, application = await rest.call("GET", "/users/@me"), await rest.call("GET", "/applications/@me")
            return Us(int(user["id"]), int(application["id"]))
        except Refused as error:
            if error.status == 401:
                raise NotLetIn(TOKEN_SENTENCE) from None
            _log.warning("Discord does not say who we are", status=error.status)
        except (Unsure, Busy) as error:
            _log.warning("Discord does not answer", why=str(error))
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause)
        pause = min(pause * 2, 30.0)
    return None
