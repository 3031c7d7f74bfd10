"""Which model is asked where nobody chose one, and what DEFAULT_MODEL has to do with it."""

import asyncio

from engine import embedded
from engine.config import Settings
from engine.errors import TzurotError
from engine.migrate import pending
from engine.store import connect, open_log
from engine.vault import load_master_key
from projections.models import catalog


def decides(settings: Settings, *, running: bool) -> str:
    """Say which preset decides what model is asked where a character has none, and by which command that is changed.

    Raises TzurotError when the database cannot be read.
    """
    first = f"DEFAULT_MODEL ({settings.default_model})"
    if settings.master_key is None and not (settings.tzurot_data / "master.key").exists():
        return f"{first} becomes the default preset's at the first start"
    if settings.database_url is None and not running:
        return f"the default preset decides; while Tzurot runs `tzurot preset default` shows it. {first} only counts at the first start"
    preset = asyncio.run(_answering(settings, settings.database_url or embedded.running_dsn(settings.tzurot_data)))
    if preset is None:
        return f"no preset is the default: {first} decides until `tzurot preset default NAME` chooses one"
    change = f"`tzurot preset default NAME` or `tzurot preset edit {str(preset.id)[:8]} --model MODEL`"
    return f"the preset {preset.name} decides: {preset.model}. Change it by {change}; {first} only counts at the first start"


async def _answering(settings: Settings, dsn: str) -> catalog.Preset | None:
    """The preset that answers for everybody, None when there is none or the tables are not made yet."""
    if await pending(dsn):
        return None
    async with open_log(dsn, load_master_key(settings)) as log, log.pool.connection() as connection:
        everybody = catalog.Defaults(None, (await catalog.defaults(connection, 0)).everybody)
        return catalog.chosen(await catalog.presets(connection, log.vault), None, everybody, 0)


async def overruled(settings: Settings, dsn: str) -> str:
    """The sentence for a start at which DEFAULT_MODEL was set and another model is asked; '' when it is asked, or nobody can say."""
    if "default_model" not in settings.model_fields_set:
        return ""
    try:
        preset = await _answering(settings, dsn)
    except connect.TROUBLE:
        return ""
    except TzurotError:
        return ""
    if preset is None or preset.model == settings.default_model:
        return ""
    change = f"tzurot preset edit {str(preset.id)[:8]} --model {settings.default_model}"
    return (
        f"DEFAULT_MODEL only counts at the first start. The preset {preset.name} decides: {preset.model} is asked. Change it by: {change}"
    )
