"""What people and characters write, as HTML: the markdown that Discord shows, and nothing else. Pure.

Paragraphs, headings, lists, quotes, code, spoilers, links, bold, italic, underline and strike. Everything is escaped first; only tags
written here come out, links lead to http and https only, and no text turns its neighbours round. All patterns are bounded, so no text
is slow.
"""

import re
from collections.abc import Callable
from itertools import groupby

from markupsafe import Markup, escape

_FENCE = re.compile(r"```(?:([a-zA-Z0-9+#_-]{0,20})\n)?(.*?)(?:```|\Z)", re.DOTALL)
_CODE = re.compile(r"`([^`\n]{1,1000})`")
_LINK = re.compile(r"\[([^\[\]\n]{1,200})\]\((https?://[^\s()<>]{1,1000})\)|<?(https?://[^\s<>]{1,1000})")
FORMATTED = 16_000
"""Characters of one text that are formatted: eight messages of Discord's. What follows is shown as it was written."""
_MARKED = re.compile(r"[`*_~|\[]|://")
_TRAILING = ".,:;!?'\"*_~|"
_INLINE = (
    (re.compile(r"\*\*([^*\n]{1,1000})\*\*"), "strong"),
    (re.compile(r"(?<![\w_])__([^_\n]{1,1000})__(?![\w_])"), "u"),
    (re.compile(r"\*([^*\s\n][^*\n]{0,1000})\*"), "em"),
    (re.compile(r"(?<![\w_])_([^_\s\n][^_\n]{0,1000})_(?![\w_])"), "em"),
    (re.compile(r"~~([^~\n]{1,1000})~~"), "s"),
)
_SPOILER = re.compile(r"\|\|([^|\n]{1,1000})\|\|")
_PARAGRAPHS = re.compile(r"\n{2,}")
_HEADING = re.compile(r"(#{1,3}) +(\S.*)")
_BULLET = re.compile(r" {0,8}[-*] +(\S.*)")
_NUMBERED = re.compile(r" {0,8}\d{1,9}[.)] +(\S.*)")
_FIRST = r"\1"
_TURNS_ROUND = str.maketrans("", "", "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Bidirectional overrides and isolates: what they turn round does not end with the text they stand in."""


def prose(text: str) -> Markup:
    """The text as safe HTML."""
    text = text.translate(_TURNS_ROUND)
    if len(text) > FORMATTED:
        at = text.rfind("\n", 0, FORMATTED) + 1 or FORMATTED
        return prose(text[:at]) + Markup(f"<p>{_lines(text[at:])}</p>")  # escaped by _lines
    parts, end = [], 0
    for fence in _FENCE.finditer(text):
        parts += _paragraphs(text[end : fence.start()])
        parts.append(Markup(f"<pre><code>{escape(fence[2].strip(chr(10)))}</code></pre>"))
        end = fence.end()
    return Markup("").join([*parts, *_paragraphs(text[end:])])


def _lines(text: str) -> str:
    return str(escape(text)).replace("\n", "<br>")


def plain(text: str) -> str:
    """A text for one line, without what would turn its neighbours round."""
    return " ".join(text.translate(_TURNS_ROUND).split())


def _paragraphs(text: str) -> list[Markup]:
    blocks = [block.strip("\n").split("\n") for block in _PARAGRAPHS.split(text) if block.strip()]
    return [_block(kind, list(lines)) for block in blocks for kind, lines in groupby(block, _kind)]


def _kind(line: str) -> str:
    if line.startswith("> "):
        return "quote"
    if heading := _HEADING.fullmatch(line):
        return f"h{len(heading[1])}"
    if _BULLET.fullmatch(line):
        return "ul"
    return "ol" if _NUMBERED.fullmatch(line) else "p"


def _block(kind: str, lines: list[str]) -> Markup:
    match kind:
        case "quote":
            return Markup("<blockquote>{}</blockquote>").format(_inline("\n".join(line[2:] for line in lines)))
        case "ul" | "ol":
            pattern = _BULLET if kind == "ul" else _NUMBERED
            items = Markup("").join(Markup(f"<li>{_inline(pattern.sub(_FIRST, line))}</li>") for line in lines)
            return Markup(f"<{kind}>{{}}</{kind}>").format(items)
        case "p":
            return Markup("<p>{}</p>").format(_inline("\n".join(lines)))
        case _:
            # A page's own headings come first: these are large text, not a level in its outline.
            return Markup("").join(
                Markup(f'<p class="{kind}"><strong>{{}}</strong></p>').format(_inline(_HEADING.sub(r"\2", line))) for line in lines
            )


def _inline(text: str) -> Markup:
    if _MARKED.search(text) is None:
        return Markup(_lines(text))  # escaped there
    return _split(text, _CODE, lambda code: Markup(f"<code>{escape(code[1])}</code>"), _linked)


def _linked(text: str) -> Markup:
    return _split(text, _LINK, _link, _emphasis)


def _split(text: str, pattern: re.Pattern[str], found: Callable[[re.Match[str]], Markup], rest: Callable[[str], Markup]) -> Markup:
    parts, end = [], 0
    for match in pattern.finditer(text):
        parts += [rest(text[end : match.start()]), found(match)]
        end = match.end()
    return Markup("").join([*parts, rest(text[end:])])


def _link(match: re.Match[str]) -> Markup:
    link = Markup('<a href="{}" rel="noreferrer nofollow" target="_blank">{}</a>')
    if match[2]:
        return link.format(match[2], _emphasis(match[1]))
    address = match[3].rstrip(_TRAILING)
    address = address[:-1] if address.endswith(")") and "(" not in address else address
    before, after = match[0][: match[0].index(match[3])], match[3][len(address) :]
    return Markup("{}{}{}").format(before, link.format(address, address), _emphasis(after))


def _emphasis(text: str) -> Markup:
    html = str(escape(text))
    for pattern, tag in _INLINE:
        html = pattern.sub(rf"<{tag}>\1</{tag}>", html)
    html = _SPOILER.sub(r'<span class="spoiler" tabindex="0" role="button" aria-label="Spoiler">\1</span>', html)
    return Markup(html.replace("\n", "<br>"))  # escaped above; only the tags of this module were added
