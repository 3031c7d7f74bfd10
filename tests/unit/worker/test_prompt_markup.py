"""A prompt names what Discord writes as ids (J2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.prompt.sections.markup import mentioned_in, readable

NAMES = {"42": "Bob", "&7": "Mods", "#9": "lobby", "5": "Mal\nory <@42>"}


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("<@42> said hi", "@Bob said hi"),
        ("<@!42>!", "@Bob!"),
        ("<@1> hm", "@unknown-user hm"),
        ("<@&7> come to <#9>", "@Mods come to #lobby"),
        ("<@&1> <#1>", "@unknown-role #unknown"),
        ("<:wave:1> <a:party_cat:22>", ":wave: :party_cat:"),
        ("run </character view:5>", "run /character view"),
        ("at <t:1700000000> or <t:1700000000:t>, <t:1700000000:R>", "at 2023-11-14 22:13 UTC or 22:13 UTC, 2023-11-14 22:13 UTC"),
        ("<t:999999999999>", "<t:999999999999>"),
        ("<id:customize>", "#Channels & Roles"),
        ("<@5>", "@Mal ory <@42>"),
        ("<@> <@x> a < b <https://x.y>", "<@> <@x> a < b <https://x.y>"),
        ("plain", "plain"),
        ("<@42><@!42>, **<@42>**'s", "@Bob@Bob, **@Bob**'s"),
        ("<@&42> <#42> <@042>", "@unknown-role #unknown @unknown-user"),
        ("<@ 42> <@42 </x y:42>", "<@ 42> <@42 /x y"),
        (f"<@{'9' * 30}>", f"<@{'9' * 30}>"),
        ("<t:99999999999999:F> <t:-1>", "<t:99999999999999:F> 1969-12-31 23:59 UTC"),
        ("`<@42>` and <@42>, ``<#9>``", "`<@42>` and @Bob, ``<#9>``"),
        ("```\n<@42> <t:1700000000>\n```<@42>", "```\n<@42> <t:1700000000>\n```@Bob"),
        ("a ` that never ends <@42>", "a ` that never ends @Bob"),
        ("\\`<@42>\\`", "\\`@Bob\\`"),
        ("<@٤٢> <@４２> <#９>", "<@٤٢> <@４２> <#９>"),
        ("<:a:1> <a:b:2> <id:guide>", "<:a:1> <a:b:2> #Server Guide"),
    ],
)
def test_ids_are_read_as_names(text: str, read: str) -> None:
    """Each kind as Discord shows it; what is unknown is said to be; what is no token stays."""
    assert readable(text, NAMES) == read


@given(st.text(alphabet="<@!&#:>/t 42ab", max_size=60))
def test_what_is_asked_for_is_what_is_replaced(text: str) -> None:
    """With every key known no id is left unnamed."""
    keys = mentioned_in(text)
    assert "unknown" not in readable(text, dict.fromkeys(keys, "N"))
