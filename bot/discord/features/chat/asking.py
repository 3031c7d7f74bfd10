"""What a person says by a command enters the log like what they say in the channel; without words a character just joins in."""

from dataclasses import dataclass, replace
from uuid import UUID

from bot.discord.answers import QUIET, Interaction
from bot.discord.client import Client
from bot.discord.context import Context, user_id
from bot.discord.payload import clean
from bot.discord.translate import ChannelFacts
from bot.editing import Item
from bot.requests import cued, received, whispered
from bot.triggers import Decision, Trigger, decided
from bot.why import CHANGE
from engine import ids
from engine.decide.gate import REASONS
from engine.decide.rejected import Rejected
from engine.decide.speaking.draft import Rolls
from engine.events.message import Drawn, MessageCued, MessageReceived
from engine.events.turn import TurnRequested
from engine.store import NewEvent

LONGEST = 1800
"""Characters of what is said by a command: it is posted behind its author's name."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is asked by a command, and what is said to it; `drawn` when it was chosen by lot; `whispered`: no other character hears."""

    character: Item
    text: str = ""
    drawn: Drawn | None = None
    whispered: bool = False


async def ask(context: Context, interaction: Interaction, asked: Asked) -> None:
    """Show what is said, and have the character answer it. Raises Rejected with the gate's reason when it will not.

    Nothing is shown or stored of what is not answered.
    """
    message = _message(interaction, asked.text or "…")
    found = await _decided(context, interaction, message, asked)
    name = asked.character.name
    await interaction.followup.send(
        f"**{name}** was asked." if asked.text else f"**{name}** joins in.", ephemeral=True, allowed_mentions=QUIET
    )
    if asked.text:
        line = _line(message, name, whispered=asked.whispered)
        posted = await interaction.followup.send(line, ephemeral=False, allowed_mentions=QUIET, wait=True)
        said = message.model_copy(update={"message_id": int(posted.id)})
        events = received(said, found)
        if asked.whispered:
            events = (*events, whispered(said, [asked.character.id]))
    else:
        events = cued(_cue(message), found.triggers[0])
    await context.log.append(*events)
    context.begun(message.channel_id, _turns(events))


async def _decided(context: Context, interaction: Interaction, message: MessageReceived, asked: Asked) -> Decision:
    """Who answers, by the rules for every message. Raises Rejected when nobody does."""
    place = _place(interaction)
    roles = [role.id for role in getattr(interaction.user, "roles", ())]  # who is no member of the server has none
    state = await context.roster.state(message, adult=place.adult, called=asked.character.id, roles=roles)
    found = await context.roster.paced(message, state, decided(message, state, 0.0))
    if not found.triggers:
        gate = found.verdict.declined[0].gate
        raise Rejected(f"**{asked.character.name}** does not answer that. {REASONS[gate]} {CHANGE[gate]}")
    if asked.drawn is None:
        return found
    drawn = Trigger(asked.character.id, "command", f"a command asked for anybody, and it was drawn: {asked.drawn.roll or 0.0:.2f}")
    return replace(found, triggers=[drawn], drawn=(asked.drawn,))


def _message(interaction: Interaction, text: str) -> MessageReceived:
    """What is said, as if it had been said in the channel."""
    place, user = _place(interaction), interaction.user
    return MessageReceived(
        message_id=interaction.id,
        channel_id=interaction.channel_id or 0,
        guild_id=interaction.guild_id,
        parent_channel_id=place.parent_id,
        author_id=user_id(interaction),
        channel_kind="dm" if interaction.guild_id is None else place.kind,
        venue="discord",
        text=clean(text),
        author_name=clean(user.display_name if user else ""),
    )


def _cue(message: MessageReceived) -> MessageCued:
    kept = {name: getattr(message, name) for name in MessageCued.model_fields if name in MessageReceived.model_fields}
    return MessageCued.model_validate(kept | {"why": "room"})


def _line(message: MessageReceived, name: str, *, whispered: bool) -> str:
    """What is shown: who said it, to whom."""
    author = " ".join(message.author_name.replace("*", "").split())[:80] or "Somebody"
    verb = "whispers to" if whispered else "to"
    return f"**{author}** {verb} **{name}**: {message.text}"[:2000]


def _turns(events: tuple[NewEvent, ...]) -> list[UUID]:
    return [one.event.turn_id for one in events if isinstance(one.event, TurnRequested)]


def _place(interaction: Interaction) -> ChannelFacts:
    client = interaction.client
    return client.place(interaction.channel_id or 0) if isinstance(client, Client) else ChannelFacts()


def lot(people: list[Item], seed: int) -> tuple[Item, Drawn]:
    """One of them, drawn by lot: the same seed draws the same. Raises Rejected when there is nobody."""
    if not people:
        raise Rejected("There is nobody here you could talk with. `/character create` makes somebody.")
    chosen, roll = Rolls(ids.derived("lot", seed)).one(sorted(people, key=lambda one: one.id))
    return chosen, Drawn(character_id=chosen.id, why="random", roll=roll)
