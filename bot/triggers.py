"""Who answers a message, and why. Pure, and shared by all faces: Discord and the playground decide alike.

Precedence (A1): reply to a character's message, then the characters activated in the channel, then the one a DM goes on with,
then `@Name`, then a mention of the bot itself. The first of these that applies decides; names in the text are explicit and are
added to whatever came before them (A3): `@Other` in an activated channel or in a DM brings Other in and loses nobody.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from uuid import UUID

from bot.mentions import mentions, normal
from engine import ids
from engine.decide.gate import Policy, Verdict, judge
from engine.decide.speaking.denial import Denied, by_characters, here
from engine.decide.speaking.draft import Member, addresses, draft
from engine.events.access import Mode
from engine.events.message import Drawn, MessageReceived
from engine.events.turn import TriggerKind
from engine.resources.channel import AS_IT_COMES, ChannelSheet, Strategy


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
    talkativeness: float = 0.5
    adult: bool = False

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

    def get(self, character: UUID) -> Candidate | None:
        """The candidate with this id."""
        return self._by_id.get(character)

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
    `sheet`: what is set for the channel; `adult`: it is age-restricted. `denials`: what holds for the author, wherever. `per_minute`:
    answers a minute that the server allows one person; `too_fast`: the author has had them.
    `called`: whom a command names; nobody else answers it. `absent`: who left the scene and speaks only when addressed.
    """

    characters: Cast
    active: Sequence[UUID] = ()
    replied_to: UUID | None = None
    session: UUID | None = None
    default: UUID | None = None
    mention_char: str = "@"
    sheet: ChannelSheet = AS_IT_COMES
    adult: bool = False
    denials: Sequence[Denied] = ()
    per_minute: int | None = None
    too_fast: bool = False
    called: UUID | None = None
    absent: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class Trigger:
    """One character is to answer. `reason` is a sentence for the debug view; it never quotes the message.

    `may_decline`: nobody addressed it, and it may choose silence (A17).
    """

    character: UUID
    kind: TriggerKind
    reason: str
    may_decline: bool = False


ALL = Verdict()
"""The gate closed for nobody."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Who answers, in the order of their answers; the gate's verdict on everybody; the draft where several might have spoken."""

    triggers: list[Trigger]
    verdict: Verdict = ALL
    drawn: Sequence[Drawn] = ()
    strategy: Strategy = AS_IT_COMES.strategy


_REASONS: dict[TriggerKind, str] = {
    "reply": "the message replies to one of its messages",
    "activation": "it is activated in this channel",
    "dm": "this conversation goes on with it",
    "name": "the message names it",
    "mention": "the message mentions the bot, and it answers for the bot",
    "command": "a command calls it",
}


def is_triggerable(message: MessageReceived) -> bool:
    """The one predicate (A11): people's messages with anything in them. Programs and webhooks never trigger (A4, K = 0)."""
    return message.author_kind == "human" and bool(message.text.strip() or message.attachments or message.forwards)


_DRAWN: dict[str, str] = {
    "addressed": "it is activated in this channel, and the message calls it",
    "mentioned": "it is activated in this channel, and the message has its name",
    "talkative": "it is activated in this channel and joined in: {roll:.2f} was drawn, {talkativeness:g} is its talkativeness",
    "random": "it is activated in this channel, and was drawn at random",
    "listed": "it is activated in this channel",
}


def resolve(message: MessageReceived, state: State) -> list[Trigger]:
    """Who answers, in the order of their answers, at most `state.sheet.most`."""
    return decided(message, state, 0.0).triggers


def decided(message: MessageReceived, state: State, age_s: float) -> Decision:
    """Who answers a message of this age in seconds, and why others do not: the one way for every face."""
    drawn = _draft(message, state) if is_triggerable(message) else ()
    wanted = {trigger.character: trigger for trigger in _addressed(message, state, drawn)}
    adults = frozenset(c for c in wanted if (found := state.characters.get(c)) is not None and found.adult)
    policy = Policy(
        limit=state.sheet.most,
        denied=denial(message, state) is not None,
        denied_by=by_characters(state.denials),
        restricted=state.sheet.speech == "closed",
        adults_only=adults,
        adult_channel=state.adult,
        told_of_rate=state.too_fast,
    )
    verdict = judge(message, list(wanted), age_s, policy)
    return Decision([wanted[character] for character in verdict.answering], verdict, drawn, _strategy(state))


def denial(message: MessageReceived, state: State) -> Mode | None:
    """How the author is denied where the message was said, for all characters."""
    return here(state.denials, message.guild_id, (message.channel_id, message.parent_channel_id))


def addressed(message: MessageReceived, state: State) -> list[Trigger]:
    """Like `resolve` without the limit, so that a face can tell how many were left out."""
    return _addressed(message, state, _draft(message, state)) if is_triggerable(message) else []


def _addressed(message: MessageReceived, state: State, drawn: Sequence[Drawn]) -> list[Trigger]:
    if not is_triggerable(message):
        return []
    if state.called is not None:
        return [_trigger(state.called, "command")] if state.characters.usable(state.called, message.author_id) else []
    found: dict[UUID, Trigger] = {}
    for trigger in (*_leading(message, state, drawn), *(_trigger(character, "name") for character in _named(message, state))):
        found.setdefault(trigger.character, trigger)
    if not found and message.mentions_bot and state.default is not None and state.characters.usable(state.default, message.author_id):
        return [_trigger(state.default, "mention")]
    return list(found.values())


def _trigger(character: UUID, kind: TriggerKind) -> Trigger:
    return Trigger(character, kind, _REASONS[kind])


def _leading(message: MessageReceived, state: State, drawn: Sequence[Drawn]) -> list[Trigger]:
    """What speaks for itself without a name in the text: a reply, else activations, else the DM's session."""
    if _replies(message, state) and state.replied_to is not None:
        return [_trigger(state.replied_to, "reply")]
    members = _members(message, state)
    if len(members) == 1 and state.sheet.speech != "called":
        return [replace(_trigger(members[0].id, "activation"), may_decline=_may_decline(message, state, members[0]))]
    if members:
        talk = {member.id: member.talkativeness for member in members}
        quiet = {member.id: _may_decline(message, state, member) for member in members}
        return [
            Trigger(
                one.character_id,
                "activation",
                _DRAWN[one.why].format(roll=one.roll or 0.0, talkativeness=talk[one.character_id]),
                quiet[one.character_id],
            )
            for one in drawn
            if one.why in _DRAWN
        ]
    if message.channel_kind == "dm" and state.session is not None and state.characters.usable(state.session, message.author_id):
        return [_trigger(state.session, "dm")]
    return []


def _may_decline(message: MessageReceived, state: State, member: Member) -> bool:
    """Whether it may choose silence: where that is set, in no DM, and when the message calls neither it nor the bot."""
    if not state.sheet.silence or message.channel_kind == "dm" or message.mentions_bot:
        return False
    return not addresses(member, message.text) and member.id not in _named(message, state)


def _replies(message: MessageReceived, state: State) -> bool:
    return message.reply_to is not None and message.reply_pings and state.characters.usable(state.replied_to, message.author_id)


def _members(message: MessageReceived, state: State) -> list[Member]:
    """The activated characters that the author may talk with, in the order of their activation."""
    found = [state.characters.get(c) for c in state.active if c not in state.absent and state.characters.usable(c, message.author_id)]
    return [Member(c.id, c.names, c.talkativeness) for c in found if c is not None]


def _draft(message: MessageReceived, state: State) -> Sequence[Drawn]:
    """Who of several activated characters speaks (A4). Nobody is drawn where one was replied to, or is named with the mention character."""
    members = _members(message, state)
    alone = len(members) < (1 if state.sheet.speech == "called" else 2)
    if alone or state.called is not None or _replies(message, state) or {m.id for m in members} & set(_named(message, state)):
        return ()
    return draft(members, message.text, _strategy(state), ids.message_event(message.message_id, "received"))


def _strategy(state: State) -> Strategy:
    return "manual" if state.sheet.speech == "called" else state.sheet.strategy


def _named(message: MessageReceived, state: State) -> list[UUID]:
    found = mentions(message.text, lambda name: state.characters.named(name, message.author_id), state.mention_char)
    return [mention.character for mention in found]
