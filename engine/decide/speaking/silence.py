"""A character may choose to say nothing (A17). Pure.

It does so by the token as its whole answer, and only where it may: in an activated channel that allows it, when nobody addressed it.
"""

TOKEN = "[silence]"


def chosen(text: str) -> bool:
    """Whether an answer is the token and nothing else. A text that merely has it in it is an answer like any other."""
    return text.strip() == TOKEN


def begins(text: str) -> bool:
    """Whether what was said so far may still become the token, so that it is not shown yet."""
    return TOKEN.startswith(text.strip())
