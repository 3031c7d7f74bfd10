"""Scaffolding that models copy from their prompt into their reply."""

import re

PASSES = 5
_LEADING = (
    re.compile(r"\s*<message\b[^>\n]{0,300}>\s*"),
    re.compile(r"\s*<from\b[^>\n]{0,300}>(?:[^<\n]{0,100}</from>)?\s*"),
    re.compile(r"\s*\[?\d{4}-\d{2}-\d{2}(?:[ T]\d{2}:\d{2}(?::\d{2})?)?(?: UTC)?\]?\s*(?=\S)"),
)
_TRAILING = (re.compile(r"\s*</message>\s*\Z"), re.compile(r"\s*<message\b[^>\n]{0,300}>\s*\Z"))


def clean(text: str, name: str) -> str:
    """The text without a leading `NAME:`, time or tag and without trailing tags of ours; the text itself when nothing else is left."""
    own = re.compile(rf"\s*(?:\*\*)?{re.escape(name)}(?:\*\*)?\s*:(?:\*\*)?\s*", re.IGNORECASE)
    cleaned = text
    for _ in range(PASSES):
        before = cleaned
        for pattern in (own, *_LEADING):
            cleaned = cleaned[match.end() :] if (match := pattern.match(cleaned)) else cleaned
        for pattern in _TRAILING:
            cleaned = pattern.sub("", cleaned)
        if cleaned == before:
            break
    return cleaned.strip() or text.strip()
