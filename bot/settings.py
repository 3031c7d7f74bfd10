"""What holds in a person's conversations, with the tier that set it (C4), and a person's own key; for every face."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from engine.actor import Actor
from engine.config import Settings
from engine.decide.cascade import Resolved, Tier
from engine.decide.places.persona import presented
from engine.decide.places.profile import resolved
from engine.decide.rejected import Rejected
from engine.decide.spending import provider as rules
from engine.resources.places.kinds import PROFILE
from engine.store import Log
from projections import provider
from projections.models import catalog, keys
from projections.models.places import overrides, personas, profiles

TIERS: Mapping[Tier, str] = {
    "baseline": "as it comes",
    "admin": "set by the bot's owners",
    "character": "set for the character",
    "server": "set for the server",
    "channel": "set for the channel",
    "user": "set by you",
    "user+character": "set by you for this character",
}
"""Tier to its words; the later ones go before the earlier ones."""
WORN: Mapping[personas.Chosen, str] = {
    "everywhere": "chosen by you with `/persona default`",
    "server": "chosen by you for this server",
    "character": "chosen by you for this character",
}
CHOICES = 25
SHORTEST, LONGEST = 8, 512
"""Characters of a key."""


def by_tier(found: Resolved[Any]) -> str:
    """The tier that set a value, and the next one that said something else."""
    weaker = [tier for tier in found.beaten if tier != "baseline"]
    return TIERS[found.tier] + (f", before what is {TIERS[weaker[0]]}" if weaker else "")


async def lines(
    log: Log, settings: Settings, person: int, character: UUID | None = None, place: overrides.Place = overrides.ANYWHERE
) -> list[str]:
    """Each value that holds for a person, and which tier set it; with what was said by weaker ones."""
    async with log.pool.connection() as connection:
        held = await profiles.profile(connection, log.vault, person, character)
        decided = await overrides.answering(connection, log.vault, person, character, place)
        own_keys = await keys.browse(connection, person)
        worn = await personas.worn(connection, person, place.guild, character)
        persona = await personas.one(connection, log.vault, worn.persona) if worn else None
    window = {"max_messages": decided.value.window.max_messages} if decided is not None else {}
    for_character = worn is not None and worn.chosen == "character"
    own, with_one = presented(held.own, held.with_character, persona.sheet if persona else None, for_character=for_character)
    found = resolved(window, own, with_one)
    who = f"{persona.sheet.name} ({WORN[worn.chosen]})" if worn and persona else "yourself. `/persona create` makes another."
    told = [f"**Persona:** {who}"]
    for spec in PROFILE.fields:
        value = found[spec.key]
        shown = str(value.value)[:200] if value.value not in ("", None) else "*not set*"
        told.append(f"**{spec.shown.label}:** {shown} ({by_tier(value)})")
    told.append(
        f"**Preset that answers:** {preset_words(decided, settings, person)}. `/preset default` and `/preset override` choose yours."
    )
    told += [f"**Your key for {key.provider}:** ends in {key.last4}, {_accepted(key)}." for key in own_keys]
    if not own_keys:
        told.append("**Your key:** none. `/settings apikey` brings one.")
    return [
        *told,
        "-# The last counts: as it comes, the bot's owners, the character, the server, the channel, you, you with this character.",
    ]


def preset_words(found: Resolved[catalog.Preset] | None, settings: Settings, person: int | None) -> str:
    """The preset that answers, with its model and the tier that chose it. What it is called is for those who may use it."""
    if found is None:
        return f"built in ({settings.default_model})"
    shown = found.value.is_global or (person is not None and found.value.usable_by(person))
    return f"**{found.value.name}** ({found.value.model}; {by_tier(found)})" if shown else f"{found.value.model} ({by_tier(found)})"


def _accepted(key: keys.Key) -> str:
    return {None: "not tried yet", True: "taken by the provider", False: "refused by the provider"}[key.accepted]


def zones(typed: str) -> dict[str, str]:
    """At most 25 time zones for what was typed: label to name. Pure."""
    wanted = typed.strip().casefold().replace(" ", "_")
    hits = [name for name in sorted(available_timezones()) if wanted in name.casefold() and "/" in name]
    return {name.replace("_", " "): name for name in hits[:CHOICES]}


async def provider_name(log: Log, settings: Settings) -> str:
    """The provider a key is for: the one that is asked now."""
    connected = await provider.connected(log)
    if connected is not None:
        return connected.name
    return rules.name_of(settings.provider_base_url) if settings.provider_base_url else "openrouter"


async def add_key(log: Log, settings: Settings, person: int, secret: str) -> str:
    """Keep a person's key, sealed; it replaces an earlier one. Raises Rejected for what is no key."""
    cleaned = secret.strip().strip("\"'").removeprefix("Bearer ").strip()
    if not (SHORTEST <= len(cleaned) <= LONGEST and cleaned.isascii() and cleaned.isprintable() and " " not in cleaned):
        raise Rejected("That is no key: it is one word of plain characters, as the provider shows it. `/settings apikey` asks again.")
    name = await provider_name(log, settings)
    await keys.add(log, person, name, cleaned)
    return f"Your key for {name} is kept, sealed. It pays for answers to you. `/settings apikey-remove` takes it away."


async def remove_keys(log: Log, actor: Actor) -> str:
    """Take a person's keys away. Raises Rejected when there is none."""
    async with log.pool.connection() as connection:
        mine = await keys.browse(connection, actor.user_id)
    if not mine:
        raise Rejected("You have no key here. `/settings apikey` brings one.")
    for key in mine:
        await keys.remove(log, key, actor)
    return f"Taken away: {', '.join(f'the key for {key.provider} that ends in {key.last4}' for key in mine)}. It cannot be brought back."
