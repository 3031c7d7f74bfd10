"""A reply as it is said: without what is there for the eye. Pure."""

import re

LONGEST = 3000
"""Characters that are said of one reply: some three minutes."""
_CODE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_EMOJI = re.compile(r"<a?:(\w{1,32}):\d{1,20}>")
_MENTION = re.compile(r"<(?:@[!&]?|#|/[^:<>]{0,100}:|t:)-?\d{1,20}(?::\w)?>")
_LINK = re.compile(r"\[([^\[\]]{1,300})\]\(<?https?://[^\s()]{1,2000}>?\)")
_ADDRESS = re.compile(r"<?https?://\S{1,2000}>?")
_MARKS = re.compile(r"^[ \t]*(?:#{1,3}|-#|>{1,3}|[-*])[ \t]+|\*{1,3}(?=\S)|(?<=\S)\*{1,3}|__|~~|\|\||`+", re.MULTILINE)


def sayable(text: str) -> str:
    """The words of a reply: no code, no marks, no addresses; cut at the end of a sentence where it is too long."""
    plain = _CODE.sub(" ", text)
    plain = _LINK.sub(r"\1", _EMOJI.sub(r"\1", plain))
    plain = _MARKS.sub("", _ADDRESS.sub(" ", _MENTION.sub(" ", plain)))
    plain = " ".join("".join(c if c.isprintable() else " " for c in plain).split())
    if not any(c.isalnum() for c in plain):
        return ""
    if len(plain) <= LONGEST:
        return plain
    end = max(plain.rfind(mark, 0, LONGEST) for mark in (". ", "! ", "? "))
    return plain[: end + 1 if end > LONGEST // 2 else LONGEST]
