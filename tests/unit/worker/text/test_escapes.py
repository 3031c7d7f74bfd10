"""What the prompt escaped is undone in the reply, once, and only where the reply does not mean it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import examples
from worker.turn.text import escapes
from worker.turn.text.escapes import Escaped
from worker.turn.text.frame import PromptFrame
from worker.turn.text.reading import read

LT_AMP = Escaped(frozenset({"lt", "amp"}), last="what of a < b && c?")


@pytest.mark.parametrize(
    ("reply", "escaped", "delivered"),
    [
        ("use a &lt; b &amp;&amp; c", LT_AMP, "use a < b && c"),
        ("```c\nif (a &lt; b &amp;&amp; c)\n```", LT_AMP, "```c\nif (a < b && c)\n```"),
        ("`a &lt; b` -> fine", LT_AMP, "`a < b` -> fine"),
        ("a &lt; b <@123456789012345678> <3", LT_AMP, "a < b <@123456789012345678> <3"),
        ("Q&amp;A", Escaped(frozenset({"amp"}), last="Q&A?"), "Q&A"),
        ("vector&lt;int&gt;", Escaped(frozenset({"lt", "gt"}), last="vector<int>?"), "vector<int>"),
        ("say &quot;hi&quot;", Escaped(frozenset({"quot"}), last="hm"), 'say "hi"'),
        ("use a &lt; b", escapes.NOTHING, "use a &lt; b"),
        ("a &gt; b", LT_AMP, "a &gt; b"),
        ("write &lt; instead of <", LT_AMP, "write &lt; instead of <"),
        ("fish & chips are written fish &amp; chips", LT_AMP, "fish & chips are written fish &amp; chips"),
        ("The entity &lt; stands for it.", LT_AMP, "The entity &lt; stands for it."),
        ("Write &lt; there.", Escaped(frozenset({"lt"}), last="How do I escape a < b?"), "Write &lt; there."),
        ("Write a &lt; b there.", Escaped(frozenset({"lt"}), last="How do I write a < b in HTML?"), "Write a &lt; b there."),
        ("Use &lt;b&gt;.", Escaped(frozenset({"lt", "gt"}), last="how is <i> used in HTML?"), "Use <b>."),
        ("&lt; means less", Escaped(frozenset({"amp"}), spoken=True, last="what is &lt;?"), "&lt; means less"),
        ("&amp;lt; means &lt;", Escaped(frozenset({"amp", "lt"}), spoken=True, last="what is &lt;, and <?"), "&lt; means <"),
        ("&amp;lt;", LT_AMP, "&lt;"),
        ("if (a &lt;&lt; 1 &amp; b)", LT_AMP, "if (a << 1 & b)"),
        ("Tom &amp; Jerry &amp; co", Escaped(frozenset({"amp"}), last="Tom & Jerry?"), "Tom & Jerry & co"),
        ("&lt;3", Escaped(frozenset({"lt"}), last="i <3 you"), "<3"),
        ("&gt;:(", Escaped(frozenset({"gt"}), last=">:("), ">:("),
        ("&gt; quoted\nand answered", Escaped(frozenset({"gt"}), last="> quoted"), "> quoted\nand answered"),
        ("https://x.example/?a=1&amp;b=2", Escaped(frozenset({"amp"}), last="https://x.example/?a=1&b=2"), "https://x.example/?a=1&b=2"),
        ("ask &lt;@123456789012345678&gt;", Escaped(frozenset({"lt", "gt"}), last="<@123456789012345678>?"), "ask <@123456789012345678>"),
        ("&LT; &lt a", LT_AMP, "&LT; &lt a"),
        ("&copy; &#60; &nbsp;", LT_AMP, "&copy; &#60; &nbsp;"),
    ],
)
def test_what_the_prompt_escaped_is_undone_once(reply: str, escaped: Escaped, delivered: str) -> None:
    """Only what escaping made in this prompt, one level of it, and not where the reply is about such references."""
    assert read(reply, PromptFrame(name="Lilith", escaped=escaped)).text == delivered


@examples(60)
@given(st.lists(st.sampled_from(["&lt;", "&amp;", "&", "<", "&amp;lt;"]) | st.text(max_size=12), max_size=12).map("".join))
def test_reading_again_what_was_read_changes_no_escape(answer: str) -> None:
    """What a reply says is what the next prompt's history says it said."""
    assert escapes.undo(answer, escapes.NOTHING) == answer
