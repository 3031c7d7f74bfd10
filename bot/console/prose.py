"""What people and characters write, as HTML: paragraphs, code, bold, italic and quotes as Discord shows them, and nothing else. Pure.

Everything is escaped first; only tags written here come out. All patterns are bounded, so no text is slow.
"""

import re

from markupsafe import Markup, escape

_FENCE = re.compile(r"```(?:([a-zA-Z0-9+#_-]{0,20})\n)?(.*?)(?:```|\Z)", re.DOTALL)
_CODE = re.compile(r"`([^`\n]{1,1000})`")
_INLINE = (
    (re.compile(r"\*\*([^*\n]{1,1000})\*\*"), "strong"),
    (re.compile(r"\*([^*\s\n][^*\n]{0,1000})\*"), "em"),
    (re.compile(r"(?<![\w_])_([^_\s\n][^_\n]{0,1000})_(?![\w_])"), "em"),
    (re.compile(r"~~([^~\n]{1,1000})~~"), "s"),
)
_PARAGRAPHS = re.compile(r"\n{2,}")


def prose(text: str) -> Markup:
    """The text as safe HTML."""
    parts, end = [], 0
    for fence in _FENCE.finditer(text):
        parts += _paragraphs(text[end : fence.start()])
        parts.append(Markup("<pre><code>{}</code></pre>").format(fence[2].strip("\n")))
        end = fence.end()
    return Markup("").join([*parts, *_paragraphs(text[end:])])


def _paragraphs(text: str) -> list[Markup]:
    return [_paragraph(block.strip("\n")) for block in _PARAGRAPHS.split(text) if block.strip()]


def _paragraph(block: str) -> Markup:
    lines = block.split("\n")
    if all(line.startswith("> ") for line in lines):
        return Markup("<blockquote>{}</blockquote>").format(_inline("\n".join(line[2:] for line in lines)))
    return Markup("<p>{}</p>").format(_inline(block))


def _inline(text: str) -> Markup:
    parts, end = [], 0
    for code in _CODE.finditer(text):
        parts += [_emphasis(text[end : code.start()]), Markup("<code>{}</code>").format(code[1])]
        end = code.end()
    return Markup("").join([*parts, _emphasis(text[end:])])


def _emphasis(text: str) -> Markup:
    html = str(escape(text))
    for pattern, tag in _INLINE:
        html = pattern.sub(rf"<{tag}>\1</{tag}>", html)
    return Markup(html.replace("\n", "<br>"))  # escaped above; only the tags of this module were added
