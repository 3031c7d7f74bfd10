"""R13's victim, begun with the argument DSN: keeps the read models."""

import asyncio
import sys

from projections.follow import group_runner
from projections.registry import ALL


def main() -> None:
    """Until it is killed."""
    asyncio.run(group_runner.run(sys.argv[1], ALL))
