"""Thoughts at the very start of an answer that no mark begins: a fence, a heading, a program's own words, a field of a form. Pure."""

import json

import re2

_INNER = "(?:inner|internal|hidden) (?:thoughts?|monologue|reasoning|analysis)"
_NAMES = f"thinking|thoughts?|thought process|my thoughts|{_INNER}|reasoning|chain of thought"
_ANSWERS = r"(?:(?:my|the) )?(?:final )?(?:answer|response|reply)"
_BLOCK = re2.compile(
    r"(?is)^\s*(?:(?:`{3,5}|~{3,5})(?:think|thinking|thoughts?|reasoning)[ \t]*\n(.*?)\n[ \t]*(?:`{3,5}|~{3,5})[ \t]*\n"
    r"|Thinking\.\.\.[ \t]*\n(.*?)\n?\.\.\.done thinking\.[ \t]*(?:\n|$)"
    rf"|(?:\*\*|__|#{{1,4}} ?)(?:{_NAMES})(?::?\*\*:?|:?__:?|:)?[ \t]*\n?(.*?)"
    rf"\n\s*(?:\*\*|__|#{{1,4}} ?){_ANSWERS}(?::?\*\*:?|:?__:?|:)?[ \t]*(?:\n|$|\b)"
    r"|Here (?:are|is) my (?:thought process|reasoning(?: steps)?):?[ \t]*\n(.*?)"
    r"\n\s*(?:Here is my response:|\[BEGIN FINAL RESPONSE\])[ \t]*"
    r"|<details>\s*<summary>[^<>\n]{0,20}(?:thinking|thoughts?|thought process|reasoning)[^<>\n]{0,40}</summary>(.*?)</details>"
    r"|>[ \t]?(?:\*\*|💭|🤔)[ \t]?(?:thinking|thoughts?|thought process|reasoning)[^\n]{0,20}\n((?:>[^\n]*\n)+)\s*"
    rf"|(?:\*\*|__|#{{1,4}} ?){_INNER}(?::?\*\*:?|:?__:?|:)?[ \t]*\n(.*?)"
    r"\n\s*(?:-{3,}|\*{3,}|_{3,})[ \t]*\n)"
)
"""Blocks that are named as thoughts: a fence, Ollama's own words, a heading with one of the answer's behind it, a sentence that announces
both (Granite, Apriel), a folded part, a quotation under such a heading, a heading of inner ones up to a rule."""
_STEPS = re2.compile(rf"(?s)^\s*(?:Thoughts?|Thinking|Reasoning):[ \t]*(.*?)\n\s*(?i:{_ANSWERS}):[ \t]*\n?")
"""The form of an agent, which somebody may have asked for."""
_ASKS = re2.compile(r"(?i)\b(?:reason|thought|think|explain|why|show|steps?|format|json|template|prompt)")
_ENDED = "[END FINAL RESPONSE]"
_FORM = re2.compile(r'(?i)^\s*\{\s*"(?:thoughts?|thinking|reasoning|inner_thoughts|analysis)"\s*:')
_SAID = ("reply", "response", "answer", "message", "text", "content", "final", "final_answer", "output", "speech", "say")
_BEGUN = re2.compile(
    rf"(?i)^\s*(?:(?:`{{3,5}}|~{{3,5}})(?:thin|thou|reas)|(?:\*\*|__|#{{1,4}} ?)(?:{_NAMES})(?::?\*\*:?|:?__:?|:|\s*\n)"
    r'|(?:Thoughts?|Thinking|Reasoning):|>[ \t]?(?:\*\*|💭|🤔)[ \t]?(?:thin|thou|reas)|\{\s*"(?:thou|thin|reas|inner|analysis))'
)


def split(content: str, told: str = "") -> tuple[str, str] | None:
    """(the answer, the thoughts before it); None when the content does not begin with such a block. `told`: the message to answer."""
    if block := _BLOCK.match(content):
        return content[block.end() :].partition(_ENDED)[0].strip(), "".join(found or "" for found in block.groups()).strip()
    if _ASKS.search(told):
        return None
    if (steps := _STEPS.match(content)) and content[steps.end() :].strip():
        return content[steps.end() :].strip(), steps[1].strip()
    return _of_form(content) if _FORM.match(content) and content.rstrip().endswith("}") else None


def begun(start: str, told: str = "") -> bool:
    """Whether an answer that grows may turn out to begin with such a block."""
    return bool(_BEGUN.match(start[:200])) and not (_ASKS.search(told) and start.lstrip()[:1] in "TtRr{")


def _of_form(content: str) -> tuple[str, str] | None:
    """An object of JSON with a field for thoughts, one for the answer, and no other."""
    try:
        form = json.loads(content)
    except (ValueError, RecursionError):
        return None
    texts = [value for name, value in form.items() if name.lower() in _SAID and isinstance(value, str)]
    others = [value for name, value in form.items() if name.lower() not in _SAID]
    if len(texts) != 1 or len(others) != 1 or not texts[0].strip():
        return None
    return texts[0].strip(), others[0] if isinstance(others[0], str) else json.dumps(others[0], ensure_ascii=False)
