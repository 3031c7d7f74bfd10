"""What people write becomes HTML that can do nothing but look like text."""

import html
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.console.prose import prose

TAGS = {"p", "br", "pre", "code", "strong", "em", "s", "u", "blockquote", "ul", "ol", "li", "a", "span"}
ATTRIBUTES = {"class", "tabindex", "role", "aria-label", "href", "rel", "target"}
LINK = '<a href="{}" rel="noreferrer nofollow" target="_blank">{}</a>'
MARKUP = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "`",
                "```",
                "**",
                "*",
                "_",
                "~~",
                "> ",
                "\n",
                "\n\n",
                "<",
                ">",
                "&",
                '"',
                "'",
                "<script>",
                "x",
                " ",
                "||",
                "__",
                "# ",
                "- ",
                "1. ",
                "[",
                "](",
                ")",
                "https://",
                "javascript:",
                "\u202e",
            ]
        ),
        st.text(max_size=8),
    ),
    max_size=30,
).map("".join)


class Seen(HTMLParser):
    """Collects tags, attributes and text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


@given(MARKUP)
def test_only_our_own_tags_come_out(text: str) -> None:
    """No tag, attribute or comment of the writer's survives as one."""
    seen = Seen()
    seen.feed(str(prose(text)))
    seen.close()
    assert seen.tags <= TAGS
    assert {name for name, _ in seen.attributes} <= ATTRIBUTES
    assert all(str(value).startswith(("http://", "https://")) for name, value in seen.attributes if name == "href")
    assert "<!--" not in prose(text)


@given(
    st.text(
        alphabet=st.characters(
            exclude_characters="`*_~>|#-\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\n\r\t\x00",
            exclude_categories=["Zs", "Zl", "Zp", "Cc", "Cs"],
        ),
        max_size=80,
    )
)
def test_plain_text_is_shown_as_it_was_written(text: str) -> None:
    """Without markup nothing is added and nothing lost."""
    assert html.unescape(re.sub(r"<[^>]+>", "", str(prose(text)))) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a **b** c", "<p>a <strong>b</strong> c</p>"),
        ("*a* and _b_", "<p><em>a</em> and <em>b</em></p>"),
        ("snake_case_name", "<p>snake_case_name</p>"),
        ("2 * 3 * 4", "<p>2 * 3 * 4</p>"),
        ("`<b>` & `**x**`", "<p><code>&lt;b&gt;</code> &amp; <code>**x**</code></p>"),
        ("one\ntwo\n\nthree", "<p>one<br>two</p><p>three</p>"),
        ("```py\nif a < b:\n    pass\n```", "<pre><code>if a &lt; b:\n    pass</code></pre>"),
        ("> said\n> twice", "<blockquote>said<br>twice</blockquote>"),
        ("```\nstill open", "<pre><code>still open</code></pre>"),
        ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"),
        ("# Big\nsmall", '<p class="h1"><strong>Big</strong></p><p>small</p>'),
        ("- one\n- *two*\nthree", "<ul><li>one</li><li><em>two</em></li></ul><p>three</p>"),
        ("1. one\n2. two", "<ol><li>one</li><li>two</li></ol>"),
        ("__under__ snake__case__name", "<p><u>under</u> snake__case__name</p>"),
        ("||x||", '<p><span class="spoiler" tabindex="0" role="button" aria-label="Spoiler">x</span></p>'),
        ("[here](https://a.example/_b_)", f"<p>{LINK.format('https://a.example/_b_', 'here')}</p>"),
        ("see https://a.example/b_c_d.", f"<p>see {LINK.format('https://a.example/b_c_d', 'https://a.example/b_c_d')}.</p>"),
        ("(https://a.example)", f"<p>({LINK.format('https://a.example', 'https://a.example')})</p>"),
        ("[x](javascript:alert)", "<p>[x](javascript:alert)</p>"),
        ("a\u202eb\u2066c", "<p>abc</p>"),
        ("", ""),
    ],
)
def test_markup_looks_as_on_discord(text: str, expected: str) -> None:
    """Bold, italic, code, quotes, headings, lists, spoilers, links and line breaks; nothing that turns a text round."""
    assert prose(text) == expected
