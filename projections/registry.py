"""All read models there are."""

from projections.base import Projection
from projections.catalog import CATALOG
from projections.channels import CHANNELS
from projections.deliveries import DELIVERIES
from projections.history import HISTORY
from projections.keys import KEYS
from projections.models import MODELS
from projections.quota import QUOTA
from projections.timeline import TIMELINE
from projections.turns import TURNS
from projections.usage import USAGE
from projections.windows import WINDOWS

ALL: tuple[Projection, ...] = (HISTORY, CATALOG, CHANNELS, TURNS, DELIVERIES, TIMELINE, QUOTA, MODELS, KEYS, USAGE, WINDOWS)
"""In the order in which they are shown."""


def named(name: str) -> Projection:
    """The projection of this name; KeyError when there is none."""
    return {projection.name: projection for projection in ALL}[name]
