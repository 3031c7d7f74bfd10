"""What holds in a person's conversations, with the tier that set it (C4), and a person's own key; for every face."""

from collections.abc import Mapping
from uuid import UUID
from zoneinfo import available_timezones

from engine.actor import Actor
from engine.config import Settings
from engine.decide.cascade import Tier
from engine.decide.places.persona import presented
from engine.decide.places.profile import resolved
from engine.decide.rejected import Rejected
from engine.decide.spending import provider as rules
from engine.resources.places.kinds import PROFILE
from engine.store import Log
from projections import provider
from projections.models import catalog, keys
from projections.models.places import personas, profiles

TIERS: Mapping[Tier, str] = {
    "baseline": "as it comes",
    "admin": "set by the bot's owners",
    "character": "set for the character",
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


async def lines(log: Log, settings: Settings, person: int, character: UUID | None = None, guild: int | None = None) -> list[str]:
    """Each value that holds for a person, and which tier set it; with what was said by weaker ones."""
    async with log.pool.connection() as connection:
        held = await profiles.profile(connection, log.vault, person, character)
        defaults = await catalog.defaults(connection, person)
        one = await catalog.character(connection, log.vault, character) if character is not None else None
        known = await catalog.answering(connection, log.vault, (one.preset if one else None, defaults.own, defaults.everybody))
        preset = catalog.chosen(known, one.preset if one else None, defaults, person)
        own_keys = await keys.browse(connection, person)
        worn = await personas.worn(connection, person, guild, character)
        persona = await personas.one(connection, log.vault, worn.persona) if worn else None
    window = {"max_messages": preset.window.max_messages} if preset is not None else {}
    for_character = worn is not None and worn.chosen == "character"
    own, with_one = presented(held.own, held.with_character, persona.sheet if persona else None, for_character=for_character)
    found = resolved(window, own, with_one)
    who = f"{persona.sheet.name} ({WORN[worn.chosen]})" if worn and persona else "yourself. `/persona create` makes another."
    told = [f"**Persona:** {who}"]
    for spec in PROFILE.fields:
        value = found[spec.key]
        weaker = [tier for tier in value.beaten if tier != "baseline"]
        beaten = f", before what is {TIERS[weaker[0]]}" if weaker else ""
        shown = str(value.value)[:200] if value.value not in ("", None) else "*not set*"
        told.append(f"**{spec.shown.label}:** {shown} ({TIERS[value.tier]}{beaten})")
    name = f"**{preset.name}** ({preset.model})" if preset is not None else f"built in ({settings.default_model})"
    told.append(f"**Preset that answers:** {name}. `/preset default` chooses yours.")
    told += [f"**Your key for {key.provider}:** ends in {key.last4}, {_accepted(key)}." for key in own_keys]
    if not own_keys:
        told.append("**Your key:** none. `/settings apikey` brings one.")
    return [
        *told,
        "-# The order: as it comes, then the bot's owners, the character, the channel, you, you with this character. The last counts.",
    ]


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
