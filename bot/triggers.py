"""Who answers a message, and why. Pure, and shared by all faces: Discord and the playground decide alike.

Precedence (A1): reply to a character's message, then the characters activated in the channel, then the one a DM goes on with,
then `@Name`, then a mention of the bot itself. The first of these that applies decides; names in the text are explicit and are
added to whatever came before them (A3): `@Other` in an activated channel or in a DM brings Other in and loses nobody.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from bot.mentions import mentions, normal
from engine.decide.gate import LIMIT, Policy, Verdict, judge
from engine.events.message import MessageReceived
from engine.events.turn import TriggerKind


@dataclass(frozen=True, slots=True)
class Candidate:
    """A character as far as triggers care. `names` are its name, its slug and its aliases; `shared_with` may call a private one too.

    `since` orders candidates by age: the smallest is the oldest.
    """

    id: UUID
    names: tuple[str, ...]
    owner_id: int | None = None
    private: bool = False
    shared_with: frozenset[int] = frozenset()
    since: int = 0

    def usable_by(self, user_id: int) -> bool:
        """Whether this person may call it (A2)."""
        return not self.private or self.owner_id == user_id or user_id in self.shared_with


class Cast:
    """The characters there are, found by id or name at a cost that does not depend on how many there are. Immutable."""

    def __init__(self, by_id: Mapping[UUID, Candidate], by_name: Mapping[str, tuple[Candidate, ...]]) -> None:
        self._by_id, self._by_name = by_id, by_name

    @classmethod
    def of(cls, candidates: Iterable[Candidate] = ()) -> "Cast":
        """The cast of these; where their `since` is alike, the first counts as the older one."""
        return cls({}, {}).changed(candidates)

    def changed(self, candidates: Iterable[Candidate], gone: Iterable[UUID] = ()) -> "Cast":
        """A cast in which these candidates are as given, and others gone."""
        by_id, new = dict(self._by_id), {candidate.id: candidate for candidate in candidates}
        old = [by_id.pop(character) for character in {*new, *gone} & by_id.keys()]
        by_id |= new
        touched = {name: list(self._by_name.get(name, ())) for candidate in (*old, *new.values()) for name in _names(candidate)}
        for candidate in new.values():
            for name in _names(candidate):
                touched[name].append(candidate)
        by_name = dict(self._by_name)
        for name, some in touched.items():
            standing = sorted((c for c in some if by_id.get(c.id) is c), key=lambda c: c.since)
            by_name[name] = tuple(standing)
            if not standing:
                del by_name[name]
        return Cast(by_id, by_name)

    @cached_property
    def default(self) -> UUID | None:
        """Who answers for the bot itself: the oldest public character that came with the program, else the oldest public one."""
        public = [c for c in self._by_id.values() if not c.private]
        return min(public, key=lambda c: (c.owner_id is not None, c.since)).id if public else None

    def __len__(self) -> int:
        return len(self._by_id)

    def usable(self, character: UUID | None, user_id: int) -> bool:
        """Whether there is such a character, and this person may call it."""
        found = self._by_id.get(character) if character is not None else None
        return found is not None and found.usable_by(user_id)

    def named(self, name: str, user_id: int) -> UUID | None:
        """Whom a person means by a normalised name: their own character first, then the oldest they may call."""
        usable = [c for c in self._by_name.get(name, ()) if c.usable_by(user_id)]
        return next((c.id for c in usable if c.owner_id == user_id), usable[0].id if usable else None)


def _names(candidate: Candidate) -> set[str]:
    return {normal(name) for name in candidate.names} - {""}


@dataclass(frozen=True, slots=True)
class State:
    """What holds when the message is said.

    `characters` are all there are. `active`: activated in this channel, in order of activation. `replied_to`: whose
    message the message replies to. `session`: with whom this DM goes on. `default`: who answers for the bot itself.
    """

    characters: Cast
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


@dataclass(frozen=True, slots=True)
class Decision:
    """Who answers, in the order of their answers; the gate's verdict on everybody."""

    triggers: list[Trigger]
    verdict: Verdict


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
    return decided(message, state, 0.0).triggers


def decided(message: MessageReceived, state: State, age_s: float) -> Decision:
    """Who answers a message of this age in seconds, and why others do not: the one way for every face."""
    wanted = {trigger.character: trigger for trigger in addressed(message, state)}
    verdict = judge(message, list(wanted), age_s, Policy(limit=state.limit))
    return Decision([wanted[character] for character in verdict.answering], verdict)


def addressed(message: MessageReceived, state: State) -> list[Trigger]:
    """Like `resolve` without the limit, so that a face can tell how many were left out."""
    if not is_triggerable(message):
        return []
    triggers = _leading(message, state) + [(character, "name") for character in _named(message, state)]
    if not triggers and message.mentions_bot and state.default is not None and state.characters.usable(state.default, message.author_id):
        triggers = [(state.default, "mention")]
    kinds: dict[UUID, TriggerKind] = {}
    for character, kind in triggers:
        kinds.setdefault(character, kind)
    return [Trigger(character, kind, _REASONS[kind]) for character, kind in kinds.items()]


def _leading(message: MessageReceived, state: State) -> list[tuple[UUID, TriggerKind]]:
    """What speaks for itself without a name in the text: a reply, else activations, else the DM's session."""

    def usable(character: UUID | None) -> bool:
        return state.characters.usable(character, message.author_id)

    if message.reply_to is not None and message.reply_pings and state.replied_to is not None and usable(state.replied_to):
        return [(state.replied_to, "reply")]
    if active := [character for character in state.active if usable(character)]:
        return [(character, "activation") for character in active]
    if message.channel_kind == "dm" and state.session is not None and usable(state.session):
        return [(state.session, "dm")]
    return []


def _named(message: MessageReceived, state: State) -> list[UUID]:
    found = mentions(message.text, lambda name: state.characters.named(name, message.author_id), state.mention_char)
    return [mention.character for mention in found]
