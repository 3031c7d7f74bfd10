"""Why a message was answered so, or not at all, in sentences that every face shows alike. Pure."""

from collections.abc import Iterator
from types import MappingProxyType

from engine.decide.gate import REASONS
from engine.events.reply import ReplyContinued, ReplyRegenerated
from engine.events.turn import TurnCancelled, TurnCompleted, TurnDeclined, TurnFailed
from engine.fault import KINDS, Category
from projections.why import Answer, Why

CHANGE = MappingProxyType(
    {
        "program": "A person has to write it.",
        "empty": "Write something, or attach a file.",
        "denied": "The bot's owner can allow them again.",
        "restricted": "Try another channel, or ask whoever manages this one.",
        "age": "Talk with it in a channel that is age-restricted.",
        "stale": "Say it again.",
        "rate": "Wait a minute and say it again.",
        "backlog": "Wait for the answers that are on their way, and say it again.",
        "quiet": "Say it again later.",
        "unaddressed": "Reply to one of a character's messages, call it by `@Name`, or activate one with `/channel activate`.",
        "many": "Call fewer at once.",
    }
)
"""Code of a reason of the gate to what to change."""
_CANCELLED = MappingProxyType(
    {
        "message deleted": "The message was deleted before the answer was there.",
        "superseded": "A newer turn took its place.",
        "user erased": "Its author's data were erased.",
        "too late": "It came too late to be answered.",
        "already told": "A limit stood in the way, of which its author had been told already. Wait until it is over.",
        "stopped": "Somebody stopped it before the answer was there.",
    }
)


def lines(why: Why) -> list[str]:
    """One line each; Discord's markdown."""
    if why.channel is None:
        return [
            f"I keep nothing of this message. Most likely it addressed no character. {CHANGE['unaddressed']}",
            "Else I never read it: it was written before I came, or where I may not read.",
            "I need View Channel and Read Message History there, and Message Content switched on for the bot.",
        ]
    found = [line for answer in why.answers for line in _answer(answer)]
    if why.deleted:
        found.append("The message was deleted since.")
    found += [_declined(gate.gate, who) for gate, who in why.declined]
    if why.program and not why.answers:
        found.append(_declined("program", ""))
    return found or ["I have read this message; nobody was to answer it, and why is not recorded."]


def _declined(gate: str, who: str) -> str:
    subject = f"**{who}** did not answer. " if who else "Nobody answered. "
    return f"{subject}{REASONS.get(gate, gate)} {CHANGE.get(gate, '')}".rstrip()  # type: ignore[call-overload]  # an older program's code


def _answer(answer: Answer) -> Iterator[str]:
    turn = answer.turn
    yield f"**{answer.who}**: {turn.reason}."
    if isinstance(answer.asked, ReplyRegenerated):
        yield f"Another version was asked for{', with a wish' if answer.asked.wish else ''}."
    elif isinstance(answer.asked, ReplyContinued):
        yield "It was asked to go on."
    match answer.end:
        case TurnCompleted() as end:
            yield from _completed(answer, end)
        case TurnFailed() as end:
            yield f"It failed: {_category(end.category)} {end.user_message} Reference `{end.reference}`."
        case TurnDeclined() as end:
            yield f"It chose to say nothing, which it may here. Model: {end.model}. `/channel` settings: May stay silent."
        case TurnCancelled() as end:
            yield f"It was stopped. {_CANCELLED.get(end.why, end.why)}"
        case None:
            waits = f"{answer.ahead} before it in this conversation" if answer.ahead else "it is next in this conversation"
            yield "It is being written." if answer.calls else f"It waits for a worker; {waits}."
    if answer.undelivered:
        yield f"It could not be shown: {answer.undelivered}."


def _completed(answer: Answer, end: TurnCompleted) -> Iterator[str]:
    fallback = f", in place of {end.fallback_from} ({end.fallback_why or 'unknown'})" if end.fallback_from else ""
    calls = len(end.calls) or len(answer.calls)
    yield f"Model: {end.model}{fallback}; {calls} call{'' if calls == 1 else 's'}, {_why(answer)}."
    if answer.versions > 1 and answer.place:
        yield f"Version {answer.place} of {answer.versions}{'' if answer.live else ', not the one that is shown'}."
    elif answer.closed:
        yield "The reply was deleted."
    if answer.calls:
        call = answer.calls[-1]
        dropped = f", {len(call.dropped)} parts left out" if call.dropped else ""
        memories = sum(len(section.refs) for section in call.sections if section.name in {"memories", "memory", "recall"})
        yield (
            f"Prompt: {call.prompt_tokens:,} tokens, {len(call.history_ids)} entries of history, "
            f"{memories or 'no'} {'memory' if memories == 1 else 'memories'}{dropped}."
        )
    if answer.behind:
        count = len(answer.behind)
        earlier = "a version of an earlier reply that is" if count == 1 else f"{count} earlier replies that are"
        yield f"It was made from {earlier} not shown now."


def _why(answer: Answer) -> str:
    reasons = [call.why for call in answer.calls if call.why != "first"]
    return f"repeated for {', '.join(dict.fromkeys(reasons))}" if reasons else "at the first try"


def _category(name: str) -> str:
    try:
        return f"{KINDS[Category(name)].title}."
    except (KeyError, ValueError):
        return f"{name}."
