"""How many examples a property draws: as many as half a second of a processor pays for, or ten times as many with TZUROT_FULL=1.

@examples(40)
@given(...)
def test_...
"""

import os
from typing import Any

from hypothesis import settings

TIMES = 10 if os.environ.get("TZUROT_FULL") else 1


def examples(usual: int, *, whole: int | None = None, **more: Any) -> settings:
    """Settings of a property whose examples are dear; `whole`: how many with TZUROT_FULL=1; `more` as hypothesis takes it."""
    return settings(max_examples=whole if whole is not None and TIMES > 1 else usual * TIMES, **more)
