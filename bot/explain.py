"""Who answers in a channel and why (`/channel explain`), in sentences that every face shows alike."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from engine.decide.speaking.denial import Denied, by_characters, here
from engine.resources.channel import AS_IT_COMES, ChannelSheet, Speech
from engine.resources.field import values
from engine.resources.kinds import CHANNEL
from engine.resources.places.server import AS_IT_COMES as NO_SERVER
from engine.resources.places.server import ServerSheet, speech
from engine.resources.typed import show
from engine.store import Log
from engine.store.connect import Connection
from projections.models import access, catalog, channels, turns
from projections.models.catalog import Character
from projections.models.places import servers

STRATEGIES = {
    "natural": "those whose name is said, and the others as often as their talkativeness says",
    "list": "all of them, in the order of their activation",
    "pooled": "one of them at random",
    "manual": "only who is called",
}
CONFIRM_RESET = "reset"
"""What a person types to confirm that a channel starts anew."""
RESET = "Nobody is activated here any more, nothing is set, and characters see nothing of what was said here before."
NEEDED = {
    "view_channel": "View Channel",
    "read_message_history": "Read Message History",
    "send_messages": "Send Messages",
    "send_messages_in_threads": "Send Messages in Threads",
    "manage_webhooks": "Manage Webhooks",
    "embed_links": "Embed Links",
    "attach_files": "Attach Files",
}
"""Discord's permissions that the bot needs to listen and answer: its name to what Discord's menus call it."""
WITHOUT = {
    "view_channel": "I see nothing of what is said there",
    "read_message_history": "what is said while I am away, and what people reply and link to, escapes me",
    "send_messages": "nobody is answered there",
    "send_messages_in_threads": "nobody is answered in the threads there",
    "manage_webhooks": "characters speak there under my name instead of their own",
    "embed_links": "links in answers show no preview",
    "attach_files": "files that a command makes cannot be shown there",
}
"""What does not work without each."""


@dataclass(frozen=True, slots=True)
class Here:
    """What holds in a channel. `sheet_from` and `active_from` are the ids of the channel it is set for: a thread has its parent's.

    `denials` are those of whoever asks, `missing` the permissions that the bot lacks there, by Discord's names. `silent`: how often a
    character chose silence, of how many messages that nobody addressed to it.
    """

    channel_id: int
    guild_id: int | None = None
    sheet: ChannelSheet = AS_IT_COMES
    sheet_from: int | None = None
    active: Sequence[Character] = ()
    active_from: int | None = None
    adult: bool = False
    denials: Sequence[Denied] = ()
    missing: Sequence[str] = ()
    silent: Mapping[UUID, tuple[int, int]] = field(default_factory=dict)
    parent_id: int | None = None
    server: ServerSheet = NO_SERVER

    @property
    def speech(self) -> Speech:
        """How characters may speak here: the stricter of server and channel."""
        return speech(self.server, self.sheet.speech, (self.channel_id, self.parent_id))


async def look(log: Log, channel_id: int, *, guild_id: int | None = None, parent_id: int | None = None, asks: int | None = None) -> Here:
    """Read what holds in a channel; `asks` is the person to whom it is told."""
    async with log.pool.connection() as connection:
        places = [place for place in (channel_id, parent_id) if place is not None]
        sheets = {place: await channels.sheet_of(connection, place) for place in places}
        active = {place: await channels.active_in(connection, place) for place in places}
        denials = await access.of_person(connection, asks) if asks is not None else []
        server = (await servers.server(connection, guild_id)).sheet if guild_id is not None else NO_SERVER
        lacking = {one.permission for one in await servers.lacking(connection, places)}
        set_for = next((place for place in places if sheets[place] is not None), None)
        speaks_in = next((place for place in places if active[place]), None)
        speakers = await _characters(connection, log, active[speaks_in]) if speaks_in is not None else []
        silent = await turns.silences(connection, channel_id) if speakers else {}
    sheet = sheets[set_for] if set_for is not None else None
    held = sheet or AS_IT_COMES
    missing = [name for name in NEEDED if name in lacking]
    return Here(channel_id, guild_id, held, set_for, speakers, speaks_in, False, denials, missing, silent, parent_id, server)


async def _characters(connection: Connection, log: Log, wanted: Sequence[UUID]) -> list[Character]:
    found = {one.id: one for one in await catalog.characters(connection, log.vault) if one.id in wanted and not one.erased}
    return [found[one] for one in wanted if one in found]


def lines(found: Here, mention_char: str = "@") -> list[str]:
    """One line each, in Discord's markdown: what stands in the way first, then who answers, then what is set and for whom."""
    return [*_in_the_way(found), *_who(found, mention_char), *_set(found)]


def silence(found: Here, character: UUID) -> str:
    """How often a character chose to say nothing here, in words; "" where it may not and never did (A17)."""
    times, of = found.silent.get(character, (0, 0))
    return f"{times} of {of} times" if times or (found.sheet.silence and of) else ""


def names_of(permissions: Sequence[str]) -> str:
    """Permissions as Discord's menus call them."""
    return ", ".join(NEEDED.get(name, name) for name in permissions)


def without(channel: int, permission: str) -> str:
    """What does not work in a channel for want of a permission."""
    return f"Without {names_of([permission])} in channel {channel} {WITHOUT.get(permission, 'something fails')}."


def _in_the_way(found: Here) -> Iterator[str]:
    if found.missing:
        yield f"⚠️ I lack {names_of(found.missing)} here. Somebody who manages this server's roles can give me that."
    if found.speech == "closed":
        where = "`/channel edit`" if found.sheet.speech == "closed" else "`/server edit` for the whole server"
        exempt = ", but not for those who are exempt: they are answered when they call" if found.server.exempt else ""
        yield f"🔇 Characters may not speak here: it is set so with {where}. That holds for everybody, administrators too{exempt}."
    elif (mode := here(found.denials, found.guild_id, (found.channel_id, found.parent_id))) is not None:
        yield f"🔇 You are not answered here ({mode}). `/deny list` shows moderators who said so and why."


def _who(found: Here, mention_char: str) -> Iterator[str]:
    denying = by_characters(found.denials)
    for one in found.active:
        more = [f"talkativeness {one.sheet.talkativeness:g}"]
        more += ["for adults only: answers nowhere but in age-restricted channels"] if one.sheet.adult and not found.adult else []
        more += ["does not answer you"] if one.id in denying else []
        more += [f"chose silence {quiet}"] if (quiet := silence(found, one.id)) else []
        yield f"**{one.name}** (`{mention_char}{one.slug}`) is activated here; {', '.join(more)}."
    if not found.active:
        yield "Nobody is activated here: `/channel activate` lets a character answer everything."
    if found.speech == "called":
        yield "👻 They listen, and answer only who calls or replies to one of them."
    elif len(found.active) > 1:
        yield f"Of several, {STRATEGIES[found.sheet.strategy]}."
    yield f"Called by `{mention_char}name` or by a reply, any other that you may use answers too; at most {found.sheet.most} a message."


def _set(found: Here) -> Iterator[str]:
    if found.server.per_minute is not None:
        yield f"-# The server allows each person {found.server.per_minute} answers a minute."
    for role, each in sorted(found.server.role_limits.items()):
        yield f"-# Whoever has <@&{role}> gets {each} answers a minute there."
    if found.server.exempt:
        yield f"-# {len(found.server.exempt)} roles or people are exempt from what is restricted there: `/server show`."
    held = values(found.sheet)
    told = "; ".join(f"{spec.shown.label}: {show(spec, held[spec.key]) or 'not set'}" for spec in CHANNEL.fields)
    if found.sheet_from is None:
        yield f"-# As it comes, nothing is set here: {told}."
    else:
        whose = "set here" if found.sheet_from == found.channel_id else "set in the channel of this thread"
        yield f"-# {whose[0].upper()}{whose[1:]}; it applies to everybody here: {told}."
