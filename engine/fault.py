"""What can go wrong with a turn: one shape, one table of categories, and its two renderings, for the person and for the owner.

A fault is stored as fields of TurnFailed: category, user_message, technical_details, reference. Nothing else describes an error.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from engine import ids
from engine.outside.category import Category as Category
from engine.outside.category import classify as classify


@dataclass(frozen=True, slots=True)
class Treatment:
    """How a category is told and treated. `retry`: the same request may succeed in a moment; `fallback`: another model may answer."""

    title: str
    friendly: str
    retry: bool = False
    fallback: bool = False


KINDS: Mapping[Category, Treatment] = MappingProxyType(
    {
        Category.AUTHENTICATION: Treatment("Key refused", "The provider did not accept the key. Its owner should check or replace it."),
        Category.QUOTA_EXCEEDED: Treatment("Out of credit", "The key used here has no credit left, or reached its limit.", fallback=True),
        Category.FREE_LIMIT: Treatment("Free answers used up", "Today's free answers are used up. They come back tomorrow.", fallback=True),
        Category.RATE_LIMIT: Treatment(
            "Too many requests", "The model is asked too often right now. Try again in a minute.", fallback=True
        ),
        Category.CONTENT_POLICY: Treatment("Refused by the provider", "The provider refused to answer this. Rephrasing may help."),
        Category.BAD_REQUEST: Treatment(
            "Request not understood",
            "The provider did not understand the request. The preset may be why: "
            "whoever runs the bot can change it with `tzurot preset edit`.",
        ),
        Category.CONTEXT_LENGTH: Treatment(
            "Conversation too long", "This is too long for the model. `/history clear` or a larger model helps."
        ),
        Category.MODEL_NOT_FOUND: Treatment("Model not available", "The provider does not offer this model (any more).", fallback=True),
        Category.SERVER_ERROR: Treatment(
            "Provider in trouble", "The provider has a problem. Try again in a moment.", retry=True, fallback=True
        ),
        Category.TIMEOUT: Treatment("No answer in time", "The model took too long. Try again in a moment.", fallback=True),
        Category.NETWORK: Treatment(
            "Provider away", "The provider could not be reached. Try again in a moment.", retry=True, fallback=True
        ),
        Category.BAD_RESPONSE: Treatment("Unreadable answer", "The provider sent something that is no answer.", retry=True, fallback=True),
        Category.EMPTY_RESPONSE: Treatment("Empty answer", "The model said nothing. Try again, or rephrase.", retry=True, fallback=True),
        Category.CENSORED: Treatment("Answer withheld", "The model withheld its answer. Rephrasing may help.", retry=True, fallback=True),
        Category.BUDGET: Treatment("Budget reached", "The budget set for this is used up for now."),
        Category.NOT_ALLOWED: Treatment(
            "No key for this",
            "This model costs money, and guests are offered no free one here. "
            "`/settings apikey` takes a key of your own; whoever runs the bot can list a free model.",
        ),
        Category.WRONG_ADDRESS: Treatment(
            "Wrong address",
            "The address of the provider is not right. Whoever runs the bot can correct PROVIDER_BASE_URL; `tzurot doctor` tries it.",
        ),
        Category.BLOCKED: Treatment(
            "Provider closed from here",
            "The provider lets nothing through from where the bot runs: a region it does not serve, or a firewall. "
            "Whoever runs the bot can set PROVIDER_PROXY, or another PROVIDER_BASE_URL.",
            fallback=True,
        ),
        Category.CHARACTER_GONE: Treatment("Character gone", "This character does not exist any more."),
        Category.INTERNAL: Treatment("Something broke", "Something went wrong on our side. It was noted."),
        Category.UNKNOWN: Treatment("Something went wrong", "The provider reported an error of an unknown kind."),
    }
)

QUOTA = frozenset({Category.QUOTA_EXCEEDED, Category.FREE_LIMIT, Category.RATE_LIMIT})
"""Categories after which a model is left alone until its reset."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that went wrong.

    `provider_message` is what the provider said about it and `technical_details` everything an owner needs; both may quote the
    prompt and are sealed when stored. `retry_after` in seconds, when the provider named one.
    `sentence` is said instead of the category's own. `params` are the parameters it names as wrong.
    """

    category: Category
    status: int | None = None
    provider_message: str = ""
    technical_details: str = ""
    retry_after: float | None = None
    sentence: str = ""
    params: tuple[str, ...] = ()
    reference: str = field(default_factory=ids.reference)

    @property
    def kind(self) -> Treatment:
        return KINDS[self.category]

    @property
    def user_message(self) -> str:
        """The sentence for the person."""
        return self.sentence or self.kind.friendly

    @property
    def said(self) -> str:
        """The provider's own words as far as they are harmless."""
        return harmless(self.provider_message)


def _any_case(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


LOOKED_AT = 4000
"""Characters of a provider's words that are looked at for what may be said of them."""
_UNSAFE = (
    _any_case(r"\b[a-z][a-z0-9+.-]{0,30}://\S+"),
    _any_case(r"\b(?:[\w-]{1,63}\.){1,10}[a-z]{2,20}(?:/\S*)?"),
    _any_case(r"\b(?:sk|pk|key|tok|org|user|req|gen)[-_][\w.*-]{3,}"),
    _any_case(r"\b(?:bearer|basic)\s+\S+"),
    re.compile(r"[\w+/=*-]{20,}"),
    re.compile(r"\d{6,}"),
    re.compile(r"<[^<>]{0,300}>|[{}\[\]<>|`*_~@\\]"),
)


def harmless(message: str, limit: int = 120) -> str:
    """A provider's words as anybody may see them: one short line without addresses, keys, long numbers, markup or pings.

    Empty when what remains says nothing.
    """
    line = " ".join(message[:LOOKED_AT].split())
    if line.startswith(("{", "[", "<")):
        return ""
    for pattern in _UNSAFE:
        line = pattern.sub(" ", line)
    line = " ".join(word for word in line.split() if "…" not in word and "..." not in word)  # what was shortened is half of something
    line = " ".join("".join(c for c in line if c.isprintable()).split())
    short = line if len(line) <= limit else line[:limit].rsplit(" ", 1)[0]
    return short if sum(c.isalpha() for c in short) >= 3 else ""


def for_user(category: str, user_message: str, reference: str, *, own: str = "", status: int | None = None, said: str = "") -> str:
    """What is shown in the channel: a bold title, the sentence (or the character's own error message), and a spoiler to quote.

    `own` may hold `{error}`, where the spoiler goes instead of at the end. `said` is the provider's words, as `harmless` left them.
    """
    kind = KINDS[_known(category)]
    code = _known(category).value if status is None else f"{_known(category).value} · HTTP {status}"
    spoiler = f"||{' · '.join(part for part in (code, harmless(said), f'reference {reference}') if part)}||"
    sentence = own.strip() or user_message.strip() or kind.friendly
    body = sentence.replace("{error}", spoiler) if "{error}" in own else f"{sentence}\n{spoiler}"
    return f"**{kind.title}**\n{body}"


def for_admin(fields: Mapping[str, object]) -> str:
    """Everything an owner needs, one `name: value` line each, details last. Takes the fields of a TurnFailed."""
    first = ("reference", "category", "status", "model", "provider", "attempts", "turn_id", "user_message")
    lines = [f"{name}: {fields[name]}" for name in first if fields.get(name) not in (None, "")]
    details = str(fields.get("technical_details") or "")
    return "\n".join([*lines, details] if details else lines)


def _known(category: str) -> Category:
    try:
        return Category(category)
    except ValueError:
        return Category.UNKNOWN
