"""All read models there are."""

from projections.base import Projection
from projections.catalog import CATALOG
from projections.channels import CHANNELS
from projections.deliveries import DELIVERIES
from projections.history import HISTORY
from projections.timeline import TIMELINE
from projections.turns import TURNS

ALL: tuple[Projection, ...] = (HISTORY, CATALOG, CHANNELS, TURNS, DELIVERIES, TIMELINE)
"""In the order in which they are shown."""


def named(name: str) -> Projection:
    """The projection of this name; KeyError when there is none."""
    return {projection.name: projection for projection in ALL}[name]
