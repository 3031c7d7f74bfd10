"""Every command of the bot package, in the order of the help."""

import typer

from bot.cli import (
    archives,
    bulletins,
    channels,
    chatlogs,
    cluster,
    debug,
    denials,
    editing,
    experiments,
    forks,
    lore,
    memories,
    notebooks,
    notes,
    profiles,
    reactions,
    running,
    scenes,
    scripts,
    servers,
    settings_table,
    undo,
    why,
)


def register(app: typer.Typer) -> None:
    running.register(app)
    cluster.register(app)
    why.register(app)
    archives.register(app)
    settings_table.register(app)
    editing.register(app)
    channels.register(app)
    servers.register(app)
    bulletins.register(app)
    scenes.register(app)
    profiles.register(app)
    undo.register(app)
    denials.register(app)
    chatlogs.register(app)
    lore.register(app)
    memories.register(app)
    notes.register(app)
    notebooks.register(app)
    scripts.register(app)
    reactions.register(app)
    debug.register(app)
    forks.register(app)
    experiments.register(app)
