"""Who answers a message, and why. Pure, and shared by all faces: Discord and the playground decide alike.

Precedence (A1): reply to a character's message, then the characters activated in the channel, then the one a DM goes on with,
then `@Name`, then a mention of the bot itself. The first of these that applies decides; names in the text are explicit and are
added to whatever came before them (A3): `@Other` in an activated channel or in a DM brings Other in and loses nobody.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from bot.mentions import mentions, normal
from engine.events.message import MessageReceived
from engine.events.turn import TriggerKind

LIMIT = 4
"""Characters that answer one message unless set otherwise (1 to 10)."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A character as far as triggers care. `names` are its name, its slug and its aliases; `shared_with` may call a private one too."""

    id: UUID
    names: tuple[str, ...]
    owner_id: int | None = None
    private: bool = False
    shared_with: frozenset[int] = frozenset()

    def usable_by(self, user_id: int) -> bool:
        """Whether this person may call it (A2)."""
        return not self.private or self.owner_id == user_id or user_id in self.shared_with


@dataclass(frozen=True, slots=True)
class State:
    """What holds when the message is said.

    `characters` are all there are, oldest first. `active`: activated in this channel, in order of activation. `replied_to`: whose
    message the message replies to. `session`: with whom this DM goes on. `default`: who answers for the bot itself.
    """

    characters: Sequence[Candidate]
    active: Sequence[UUID] = ()
    replied_to: UUID | None = None
    session: UUID | None = None
    default: UUID | None = None
    mention_char: str = "@"
    limit: int = LIMIT


@dataclass(frozen=True, slots=True)
class Trigger:
    """One character is to answer. `reason` is a sentence for the debug view; it never quotes the message."""

    character: UUID
    kind: TriggerKind
    reason: str


_REASONS: dict[TriggerKind, str] = {
    "reply": "the message replies to one of its messages",
    "activation": "it is activated in this channel",
    "dm": "this conversation goes on with it",
    "name": "the message names it",
    "mention": "the message mentions the bot, and it answers for the bot",
}


def is_triggerable(message: MessageReceived) -> bool:
    """The one predicate (A11): people's messages with anything in them. Programs and webhooks never trigger (A4, K = 0)."""
    return message.author_kind == "human" and bool(message.text.strip() or message.attachments or message.forwards)


def resolve(message: MessageReceived, state: State) -> list[Trigger]:
    """Who answers, in the order of their answers, at most `state.limit`."""
    return addressed(message, state)[: state.limit]


def addressed(message: MessageReceived, state: State) -> list[Trigger]:
    """Like `resolve` without the limit, so that a face can tell how many were left out."""
    if not is_triggerable(message):
        return []
    usable = {c.id: c for c in state.characters if c.usable_by(message.author_id)}
    named = _named(message, usable.values(), state)
    triggers = _leading(message, state, usable)
    triggers += [(character, "name") for character in named]
    if not triggers and message.mentions_bot and state.default in usable:
        triggers = [(state.default, "mention")]
    kinds: dict[UUID, TriggerKind] = {}
    for character, kind in triggers:
        kinds.setdefault(character, kind)
    return [Trigger(character, kind, _REASONS[kind]) for character, kind in kinds.items()]


def _leading(message: MessageReceived, state: State, usable: dict[UUID, Candidate]) -> list[tuple[UUID, TriggerKind]]:
    """What speaks for itself without a name in the text: a reply, else activations, else the DM's session."""
    if message.reply_to is not None and message.reply_pings and state.replied_to in usable:
        return [(state.replied_to, "reply")]
    if active := [character for character in state.active if character in usable]:
        return [(character, "activation") for character in active]
    if message.channel_kind == "dm" and state.session in usable:
        return [(state.session, "dm")]
    return []


def _named(message: MessageReceived, usable: Iterable[Candidate], state: State) -> list[UUID]:
    return [m.character for m in mentions(message.text, names_of(usable, message.author_id), state.mention_char)]


def names_of(candidates: Iterable[Candidate], user_id: int) -> dict[str, UUID]:
    """Normalised name to character. Where two share a name, the person's own comes first, then the older one."""
    found: dict[str, UUID] = {}
    for candidate in sorted(candidates, key=lambda c: c.owner_id != user_id):
        for name in candidate.names:
            found.setdefault(normal(name), candidate.id)
    found.pop("", None)
    return found
