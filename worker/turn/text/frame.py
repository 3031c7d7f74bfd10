"""What of a prompt a reply may imitate: whose words it should be, who else speaks, which times and tags stand there."""

from collections.abc import Iterable
from dataclasses import dataclass

import re2

from projections.prompt.assemble import Prompt
from projections.prompt.message import Message, Text
from projections.prompt.sections.said import CLOSING, OPENING
from worker.turn.text import escapes
from worker.turn.text.escapes import Escaped

RECENT = 3
"""Messages of people that say what the conversation is about."""
_TAIL = re2.compile(r"(?m)^<([a-z][a-z_]{0,40})>")
_MARKS = re2.compile(
    r"(?i)[<＜\[◁`{](?:\|)?/?(?:[a-z]{1,10}[:_-])?(?:think|thinking|thoughts?|reasoning|reflection|scratchpad|analysis|im_end|im_start|eot_id|/?inst|channel)\b"
    r"|\b(?:tags?|tokens?|markup|templates?)\b"
)


@dataclass(frozen=True, slots=True)
class PromptFrame:
    """`name` is the character's, `others` are the people and characters that speak in the prompt. `asked`: the conversation is about
    marks such as those of thoughts and templates. `tail`: names of the tags that stand behind the message to answer."""

    name: str = ""
    others: frozenset[str] = frozenset()
    asked: bool = False
    tail: frozenset[str] = frozenset()
    escaped: Escaped = escapes.NOTHING
    prompt: tuple[str, ...] = ()

    def has_time(self, stamp: str) -> bool:
        """Whether a header of the prompt gives this time, `YYYY-MM-DD HH:MM`."""
        return any(f'at="{stamp}"' in text for text in self.prompt)


def of_prompt(prompt: Prompt, name: str, others: Iterable[str]) -> PromptFrame:
    """The frame of a reply to this prompt."""
    data = tuple(_text(message) for message in prompt.messages if message.role not in ("assistant", "tool"))
    own = tuple(_text(message) for message in prompt.messages if message.role == "assistant")
    last, _, tail = data[-1].rpartition(CLOSING)
    recent = "\n".join([*data[1:][-RECENT:-1], last])
    spoken = recent.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return PromptFrame(
        name=name,
        others=frozenset(line for other in others if (line := " ".join(other.split()))) - {name},
        asked=_MARKS.search(bodies(spoken)) is not None,
        tail=frozenset(found[1] for found in _TAIL.finditer(tail)),
        escaped=escapes.of_prompt(data, own, spoken),
        prompt=data,
    )


def bodies(text: str) -> str:
    """The text without the headers of messages, which are marks themselves."""
    return "\n".join(line for line in text.split("\n") if not line.startswith((OPENING, CLOSING)))


def _text(message: Message) -> str:
    return "\n".join(part.text for part in message.parts if isinstance(part, Text))
