"""How long a prompt is. Without every model's own vocabulary the count is an upper estimate, made on the final text."""

import re

_PIECES = re.compile(r"[A-Za-z]+|\d|[ \t]+|[\x00-\x7f]|[^\x00-\x7f]")
_WORD_CHARACTERS = 4
PER_MESSAGE = 8
"""What role and separators of one message cost at most."""


def count(text: str) -> int:
    """An upper estimate: a word of n letters as ceil(n / 4) + 1 minus its blank, digits and signs one each, others by their bytes."""
    total = 0
    for piece in _PIECES.findall(text):
        if piece[0] in " \t":
            total += len(piece) // 8
        elif piece.isascii():
            total += -(-len(piece) // _WORD_CHARACTERS)
        else:
            total += 1 if len(piece.encode()) < 3 else 2
    return total
