"""A reply's versions as a panel for one person: where it stands, and a button for each thing that can be done with it."""

import asyncio
from dataclasses import dataclass
from uuid import UUID

from bot.delivery import reply as versions
from bot.delivery.reply import Versions
from bot.discord import custom_ids
from bot.discord.answers import Told
from bot.discord.components import button, row
from bot.discord.payload import Json
from engine.decide import reply
from engine.decide.rejected import Rejected
from engine.events.turn import TurnCompleted
from engine.store import Log
from engine.store.codec import ERASED
from projections import replies

LOOKS, LOOK_S = 5, 0.2
"""How often, and after which pause, a message is looked for that is not known yet."""


@dataclass(frozen=True, slots=True)
class Target:
    """A reply, as a custom_id names it."""

    message_id: int
    character: UUID


async def target_of(log: Log, message_id: int) -> replies.Shown:
    """What a message shows. Raises Rejected for one that is no reply of a character."""
    for _ in range(LOOKS):
        async with log.pool.connection() as connection:
            if (found := await replies.of_message(connection, message_id)) is not None:
                return found
        await asyncio.sleep(LOOK_S)  # somebody may be quicker than the read models
    raise Rejected("This is no reply of a character. `/why` explains other messages.")


async def panel(log: Log, target: Target, said: str = "") -> Told:
    """What stands there now, with buttons; `said` comes first. Raises Rejected when there is no such reply."""
    known = await versions.versions(log, target.message_id, target.character)
    if not known.state.made and known.state.notice is None and not known.state.pending:
        raise Rejected("There is no reply to this message. `/why` says why a message was not answered.")
    lines = [said] if said else []
    return Told("\n".join([*lines, _standing(known)]), tuple(_rows(target, known.state)))


def _standing(known: Versions) -> str:
    state = known.state
    if state.closed:
        return f"The reply is deleted. It has {len(state.versions)} version{'s' if len(state.versions) != 1 else ''}."
    words = known.words.get(state.live) if state.live else None
    made = f" by {words.model}" if isinstance(words, TurnCompleted) else ", written by a person" if words else ""
    place = state.versions.index(state.live) + 1 if state.live in state.versions else 0
    stands = f"Version {place} of {len(state.versions)} is shown{made}." if place else "No version is shown."
    more = f" It goes on in {len(state.segments)} more part{'s' if len(state.segments) > 1 else ''}." if state.segments else ""
    return stands + more + (" Another answer is being written." if state.pending else "")


def _rows(target: Target, state: reply.State) -> list[Json]:
    of = (target.message_id, target.character)
    if state.closed:
        latest = state.versions[-1:] or state.made[-1:]
        return [row(*(button(custom_ids.REPLY_SHOW.id(*of, version), "Bring it back", "blue") for version in latest))]
    first = [
        button(custom_ids.REPLY_AGAIN.id(*of), "Another version", "blue"),
        button(custom_ids.REPLY_WISH.id(*of), "With a wish …"),
        button(custom_ids.REPLY_GO_ON.id(*of), "Go on"),
    ]
    second = [button(custom_ids.REPLY_EDIT.id(*of), "Edit …")] if state.live else []
    if state.live and len(state.versions) > 1:
        second.append(button(custom_ids.REPLY_DROP.id(*of, state.live), "Delete this version", "red"))
    second.append(button(custom_ids.REPLY_DELETE.id(*of), "Delete the reply", "red"))
    return [*_steps(of, state), row(*first), row(*second)]


def _steps(of: tuple[int, UUID], state: reply.State) -> list[Json]:
    """Back and forth, where there is more than one version."""
    if len(state.versions) < 2 or state.live is None or state.live not in state.versions:
        return []
    place = state.versions.index(state.live)
    earlier, later = max(place - 1, 0), min(place + 1, len(state.versions) - 1)
    shown = (("◀ Earlier", earlier), (f"{place + 1} of {len(state.versions)}", None), ("Later ▶", later))
    # A button that leads nowhere cannot be pressed; it names what is shown, so that no two have one custom_id.
    made = [button(custom_ids.REPLY_SHOW.id(*of, state.versions[at]), label, off=at == place) for label, at in shown if at is not None]
    return [row(*made)]


async def own_words(log: Log, target: Target) -> str:
    """The text to begin an edit with: what is shown, its continuation included. Raises Rejected."""
    known = await versions.versions(log, target.message_id, target.character)
    shown = [words for version in (known.state.live, *known.state.segments) if version and (words := known.words.get(version))]
    texts = [words.text for words in shown if not hasattr(words, "category")]
    if known.state.closed or not texts or ERASED in texts:
        raise Rejected("There is no reply to edit. `/why` says what became of it.")
    return "\n\n".join(texts)
