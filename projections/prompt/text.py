"""How anybody's words enter a prompt: as data between tags they can neither close nor open."""

import re
import unicodedata

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_PLACEHOLDER = re.compile(r"\{\{user\}\}|\{user\}|\{\{char\}\}|\{(?:char|character|assistant|shape|personality)\}")
_LINE_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")

_UNSEEN = re.compile(
    # Direction and invisible marks; the joiners of emojis and of Persian stay.
    "[\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    # Tags and the supplementary variation selectors, by which whole sentences are hidden.
    "\U000e0000-\U000e0fff]"
)
_WIDE = {"＜": "&lt;", "﹤": "&lt;", "＞": "&gt;", "﹥": "&gt;"}
_TAGS_OF_OURS_BEFORE = re.compile(
    r"<(?=[|｜]|\s{0,3}/?\s{0,3}(?:message|attachment|forwarded|shows|situation|now|place|present|request|reply|character|lore|examples"
    r"|info|traits|scenario|tone|age|appearance|likes|dislikes|goals|instructions|memor(?:y|ies)|note|start_of_turn|end_of_turn)\b)",
    re.IGNORECASE,
)
_TAGS_OF_OURS = re.compile(
    r"<(?=[|｜]|\s{0,3}/?\s{0,3}(?:message|attachment|forwarded|shows|situation|now|place|present|request|reply|character|lore|examples"
    r"|info|traits|scenario|tone|age|appearance|likes|dislikes|goals|instructions|memor(?:y|ies)|note|start_of_turn|end_of_turn"
    r"|reminder|rules|answered|called|pronouns|about|wishes|their_time|silence|cue)\b)",
    re.IGNORECASE,
)
_ANY_TAG_OF_OURS = re.compile(rf"{_TAGS_OF_OURS.pattern}|<(?=\s{{0,3}}/?\s{{0,3}}spoken\b)", re.IGNORECASE)
_OWN_WORDS = ((9, _ANY_TAG_OF_OURS), (7, _TAGS_OF_OURS), (0, _TAGS_OF_OURS_BEFORE))
"""Since which version of the history which tags are known: those around what people say of themselves, and what was spoken, came later."""
_LIKE_A_TAG = re.compile("[‹〈⟨❬❮˂ᐸ≺⧼❰](?=\\s?/?[A-Za-z])")


def escape(text: str) -> str:
    """The text with the three characters replaced that tags are made of; control characters but newline and tab left out."""
    return _entities(_CONTROLS.sub("", text))


def attribute(text: str, limit: int = 100) -> str:
    """The text as the value of an attribute: one line, without quotes."""
    return _entities(_LINE_CONTROLS.sub("", " ".join(text.split())[:limit])).replace('"', "&quot;")


def _entities(text: str) -> str:
    # Each replacement runs through the text in C: twenty times as fast as a table of characters.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def seen(text: str) -> str:
    """The text of a prompt as a person sees it, for a model that reads more: without characters that nobody sees or that turn the

    reading direction, and with brackets that only look like those of a tag written as what they are.
    """
    if text.isascii():  # of all these ASCII has one, and looking for the others is half of what assembling a prompt takes
        return text.replace("\x7f", "")
    text = _UNSEEN.sub("", text)
    for bracket, written in _WIDE.items():  # see `_entities`
        text = text.replace(bracket, written)
    return _LIKE_A_TAG.sub("&lt;", text)


def own_words(text: str, version: int) -> str:
    """A character's own reply, which stands in a prompt without tags around it: nothing in it is written as a tag of ours or as a mark

    of a model's template. The model did not write such, but a person may have rewritten the reply. As this version of the history did
    it: former ones did not know all tags.
    """
    return next(tags for since, tags in _OWN_WORDS if version >= since).sub("&lt;", seen(_CONTROLS.sub("", text)))


def same_name(text: str) -> str:
    """What two names share that look the same: compatibility form, case, blanks and unseen characters aside."""
    return "".join(unicodedata.normalize("NFKC", _UNSEEN.sub("", text)).casefold().split())


def section(name: str, content: str) -> str:
    """A named block; empty content gives none."""
    return f"<{name}>\n{content}\n</{name}>" if content.strip() else ""


def fill(text: str, *, user: str, character: str) -> str:
    """Placeholders of character cards replaced literally, in one pass: what is filled in is never looked at again."""
    return _PLACEHOLDER.sub(lambda found: user if "user" in found[0] else character, text)
