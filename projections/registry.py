"""All read models there are."""

from projections.base import Projection
from projections.models.access import ACCESS
from projections.models.catalog import CATALOG
from projections.models.changes import CHANGES
from projections.models.channels import CHANNELS
from projections.models.craft.chat_variables import CHAT_VARIABLES
from projections.models.craft.lore_states import LORE_STATES
from projections.models.craft.lorebooks import LOREBOOKS
from projections.models.craft.notes import NOTES
from projections.models.craft.scripts import SCRIPTS
from projections.models.deliveries import DELIVERIES
from projections.models.history import HISTORY
from projections.models.jobs import JOBS
from projections.models.keys import KEYS
from projections.models.memories.memory import MEMORY
from projections.models.pictures import PICTURES
from projections.models.places.chat_marks import CHAT_MARKS
from projections.models.places.forks import FORKS
from projections.models.places.last_uses import LAST_USES
from projections.models.places.overrides import OVERRIDES
from projections.models.places.personas import PERSONAS
from projections.models.places.profiles import PROFILES
from projections.models.places.quotes import QUOTES
from projections.models.places.releases import RELEASES
from projections.models.places.scenes import SCENES
from projections.models.places.servers import SERVERS
from projections.models.provider_models import MODELS
from projections.models.quota import QUOTA
from projections.models.reacting.reactions import REACTIONS
from projections.models.timeline import TIMELINE
from projections.models.turns import TURNS
from projections.models.usage import USAGE
from projections.models.windows import WINDOWS

ALL: tuple[Projection, ...] = (
    HISTORY,
    CATALOG,
    CHANNELS,
    TURNS,
    DELIVERIES,
    TIMELINE,
    QUOTA,
    MODELS,
    KEYS,
    USAGE,
    WINDOWS,
    JOBS,
    PICTURES,
    QUOTES,
    CHANGES,
    ACCESS,
    SCENES,
    MEMORY,
    REACTIONS,
    LOREBOOKS,
    LORE_STATES,
    CHAT_VARIABLES,
    NOTES,
    SCRIPTS,
    SERVERS,
    PROFILES,
    PERSONAS,
    OVERRIDES,
    FORKS,
    RELEASES,
    CHAT_MARKS,
    LAST_USES,
)
"""In the order in which they are shown."""


def named(name: str) -> Projection:
    """The projection of this name; KeyError when there is none."""
    return {projection.name: projection for projection in ALL}[name]


PROMPT: tuple[Projection, ...] = (
    HISTORY,
    CATALOG,
    QUOTA,
    MODELS,
    KEYS,
    WINDOWS,
    PICTURES,
    QUOTES,
    ACCESS,
    LOREBOOKS,
    LORE_STATES,
    CHAT_VARIABLES,
    NOTES,
    SCRIPTS,
    MEMORY,
    SCENES,
    TURNS,
    PROFILES,
    PERSONAS,
    OVERRIDES,
    FORKS,
)
"""Those that a turn looks at: they must have reached its request before its prompt is made."""
