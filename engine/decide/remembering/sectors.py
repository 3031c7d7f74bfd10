"""Sectors as OpenMemory names them: a label for filters and displays. Ranking does not use it (it costs, see docs/memory.md). Pure."""

import re
from typing import Final, Literal

Sector = Literal["episodic", "semantic", "procedural", "emotional", "reflective"]

_WEIGHT: Final[dict[Sector, float]] = {"episodic": 1.2, "semantic": 1.0, "procedural": 1.1, "emotional": 1.3, "reflective": 0.8}
_WORDS: Final[dict[Sector, str]] = {
    "episodic": r"today|yesterday|last (?:week|month|year|night)|remember when|i (?:did|went|saw|met|felt)|on \w+day|happened|moment",
    "semantic": r"means?|meaning|definition|concept|theory|what is|facts?|rule|law|knowledge|information|research|study",
    "procedural": r"how to|step by step|process|first|then|finally|install|configure|run|guide|instructions?|click|press",
    "emotional": r"feel(?:ing|s)?|felt|mood|happy|sad|angry|excited|worried|anxious|love|hate|enjoy|fear|amazing|terrible|wonderful",
    "reflective": r"think(?:ing)?|thought|reali[sz]ed?|understand|insight|lesson|why|purpose|belief|value|should have|what if",
}
_SIGNS: Final = {sector: re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for sector, words in _WORDS.items()}
_WRITTEN: Final = re.compile(r"[^\W_]")


def classify(text: str) -> Sector:
    """The sector with the most signs, weighted as OpenMemory weighs them; semantic if there is none."""
    if not _WRITTEN.search(text):
        return "semantic"
    counts = {name: len(sign.findall(text[:4000])) * _WEIGHT[name] for name, sign in _SIGNS.items()}
    best = max(counts, key=lambda name: (counts[name], name))
    return best if counts[best] else "semantic"
