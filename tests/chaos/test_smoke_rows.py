"""A few trials of each row that a first release must survive. The full numbers: `tzurot chaos R01 --json` and so on."""

import json

import pytest

from tests.chaos.rows import run_row

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]


@pytest.mark.parametrize(
    ("row", "trials", "events"),
    [
        ("R01", 10, None),
        ("R02", 2, None),
        ("R03", 2, None),
        ("R07", 2, 4),
        ("R08", 6, None),
        ("R17", 1, None),
        ("R44", 1, None),
        ("R46", 1, None),
    ],
)
async def test_the_row_holds(row: str, trials: int, events: int | None) -> None:
    """Every trial meets its outcome, and the oracle finds nothing in log, Discord and provider journal."""
    result = await run_row(row, trials, events, beside=True)
    assert result["passed"], json.dumps(result, indent=1, default=str)
    assert result["trials"] == trials
    assert (result["lost"], result["duplicates"]) == (0, 0)
