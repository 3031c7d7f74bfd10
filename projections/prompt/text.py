"""How anybody's words enter a prompt: as data between tags they can neither close nor open."""

_ENTITIES = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"}
_CONTROLS: dict[int, str | None] = dict.fromkeys([*range(32), 127])
_ESCAPES = _CONTROLS | _ENTITIES | {ord("\n"): "\n", ord("\t"): "\t"}
_QUOTED = _CONTROLS | _ENTITIES | {ord('"'): "&quot;"}


def escape(text: str) -> str:
    """The text with the three characters replaced that tags are made of; control characters but newline and tab left out."""
    return text.translate(_ESCAPES)


def attribute(text: str, limit: int = 100) -> str:
    """The text as the value of an attribute: one line, without quotes."""
    return " ".join(text.split())[:limit].translate(_QUOTED)


def section(name: str, content: str) -> str:
    """A named block; empty content gives none."""
    return f"<{name}>\n{content}\n</{name}>" if content.strip() else ""


def fill(text: str, *, user: str, character: str) -> str:
    """Placeholders of character cards replaced literally, in one pass: what is filled in is never looked at again."""
    values = {"{{user}}": user, "{user}": user, "{{char}}": character, "{char}": character, "{character}": character}
    values |= {"{assistant}": character, "{shape}": character, "{personality}": character}
    found, at = [], 0
    while (brace := text.find("{", at)) >= 0:
        name = next((name for name in values if text.startswith(name, brace)), None)
        found.append(text[at:brace] + (values[name] if name else "{"))
        at = brace + (len(name) if name else 1)
    return "".join(found) + text[at:]
