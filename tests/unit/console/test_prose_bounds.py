"""A reply of any length costs a page little: what follows the first sixteen thousand characters is shown as it was written."""

import pytest

from bot.console.prose import FORMATTED, prose


@pytest.mark.parametrize("unit", ["`a`", "**b** ", "# x\n", "- x\n", "```\na\n```\n", "<i>"])
def test_what_is_beyond_the_bound_is_escaped_and_not_formatted(unit: str) -> None:
    """Nothing is lost, and no tag comes out that was not made here."""
    html = str(prose(unit * 10_000 + "\n**END** <b>"))
    assert html.endswith("**END** &lt;b&gt;</p>")
    assert len(html) < 20 * FORMATTED + 10 * len(unit) * 10_000
    assert "<i>" not in html
