"""What a reaction does: it enters the log, together with what it makes happen (E1, E2). Every venue's reactions come through here."""

from dataclasses import dataclass, replace
from uuid import UUID

from engine import ids
from engine.actor import Actor
from engine.decide import reply
from engine.decide.command import Command
from engine.decide.reacting import opinion
from engine.decide.reacting.toggles import Reaction, Toggles
from engine.decide.rejected import Rejected
from engine.decide.remembering import memory
from engine.events.build import Cause, new
from engine.events.message import Venue
from engine.events.reaction import ReactionAdded, ReactionsCleared
from engine.execute import Executed, execute
from engine.resources.reacting.emoji import normal
from engine.resources.reacting.sheet import Act
from engine.store import Log
from projections import replies
from projections.models import catalog, turns
from projections.models.reacting import reactions

SHOWN_BY = ("history", "deliveries", "reactions")

NOT_YOURS = "Only whoever wrote the message, or owns the character, can do this. `/why` tells who asked."


@dataclass(frozen=True, slots=True)
class Reacted:
    """What came of a reaction.

    `stored`: it was news. `act` is what its emoji is for, None: nothing. `refused` says why that was not done; `on` is the reply.
    """

    stored: bool = False
    act: Act | None = None
    refused: str = ""
    on: replies.Shown | None = None
    done: Executed | None = None
    key: UUID | None = None
    added: bool = True


async def react(
    log: Log, actor: Actor, event: Reaction, *, acts: bool = True, see: bool = False, without: frozenset[Act] = frozenset()
) -> Reacted:
    """Store a reaction and do what it is for, in one append; a repeat is a no-op.

    `acts` False: it is stored and does nothing; `without` names acts that are not done. `see`: wait until pages show what was done.
    Raises KeyDestroyed.
    """
    key = Toggles.of(recorded.event for recorded in await log.stream(event.stream_name)).news(event)
    if key is None:
        return Reacted()
    row = new(event, key, cause=Cause(key))
    async with log.pool.connection() as connection:
        shown = await replies.of_message(connection, event.message_id)
        meant = None if shown is None or not acts else await reactions.acts(connection, event.guild_id, shown.character)
    act = None if meant is None or isinstance(event, ReactionsCleared) else meant.get(normal(event.emoji))
    act = None if act in without else act
    command = None if shown is None or act is None else _command(act, shown, event, actor)
    if command is None or shown is None:
        await log.append(row)
        return Reacted(True, act, on=shown, added=isinstance(event, ReactionAdded))
    if not await may_look(log, actor, shown):  # most reactions to a reply: they need not line up for a decision
        await log.append(row)
        return Reacted(True, act, NOT_YOURS, shown)
    try:
        done = await execute(log, actor, command, key, see=SHOWN_BY if see else (), led_by=row)
    except Rejected as rejected:
        await log.append(row)
        return Reacted(True, act, str(rejected), shown)
    return Reacted(True, act, on=shown, done=done, key=key, added=isinstance(event, ReactionAdded))


def remembered(actor: Actor, shown: replies.Shown, guild: int | None, venue: Venue) -> memory.Remember:
    """The command that keeps a reply in this person's memory. Pure."""
    place = memory.MemoryPlace(venue, shown.channel, guild, shown.character)
    return memory.Remember(memory_id(actor.user_id, shown.turn), actor.user_id, place, turn=shown.turn)


def memory_id(person: int, what: object) -> UUID:
    """The id of what a person has remembered of a message or of a version of a reply: the same wish makes one memory."""
    return ids.derived("remembered", person, what)


def _command(act: Act, shown: replies.Shown, event: Reaction, actor: Actor) -> Command | None:
    """The command of an act; None for one that changes nothing, or that is not taken back by taking the reaction away. Pure."""
    of = (shown.message_id, shown.character)
    added = isinstance(event, ReactionAdded)
    match act:
        case "like":
            return opinion.Rate(*of, shown.turn, rating="good" if added else None, only="good")
        case "dislike":
            return opinion.Rate(*of, shown.turn, rating="bad" if added else None, only="bad")
        case "pin" if added:
            return replace(remembered(actor, shown, event.guild_id, event.venue), locked=True)
        case "pin":
            return memory.LockMemory(memory_id(actor.user_id, shown.turn), locked=False)
        case "regenerate" if added:
            return reply.Regenerate(*of)
        case "go_on" if added:
            return reply.Continue(*of)
        case "delete" if added:
            return reply.DeleteReply(*of, version=shown.turn if shown.segment else None)
        case _:
            return None


async def may_look(log: Log, actor: Actor, shown: replies.Shown) -> bool:
    """Whether somebody may see what is behind a reply: who asked for it, who owns the character, who runs the bot."""
    if actor.trusted:
        return True
    async with log.pool.connection() as connection:
        asked = await turns.by_message(connection, shown.message_id)
        if any(turn.user_id == actor.user_id for turn in asked):
            return True
        character = await catalog.character(connection, log.vault, shown.character)
    return character is not None and character.editable_by(actor.user_id)
