"""`/deny`: who is not answered, and where (H1)."""

import nextcord
from nextcord import SlashOption

from bot.discord.answers import Choices, Interaction, Told
from bot.discord.features.declare import UNCHANGED, Cog, answering, command_group, suggesting
from bot.discord.features.resources import known
from bot.discord.features.undo.press import changed
from bot.editing import Item
from engine.actor import Actor
from engine.decide.rejected import Rejected
from engine.decide.speaking.denial import MODERATE, Allow, Deny
from engine.events.access import Mode, Scope
from engine.resources.kinds import CHARACTER
from projections.models import access
from projections.models.access import DeniedPerson

LISTED = 20
PLACES: dict[str, Scope] = {"this server": "guild", "this channel": "channel", "a character": "character", "everywhere": "bot"}
PERSON = SlashOption(description="Who")
ONLY = SlashOption(description="Only this one", required=False)
PLACE = SlashOption(description="Where; everywhere is for the bot's owners", choices=list(PLACES), required=False, default="this server")
CHARACTER_OPTION = SlashOption(description="Which character, for `a character`", required=False, default="", autocomplete=True)


class DenyCog(Cog):
    """The commands."""

    @command_group("deny", "Who is not answered, and where")
    async def group(self, interaction: Interaction) -> None:
        """Only its sub-commands can be called."""

    @answering("add", "Answer somebody no more", under=group)
    async def add(
        self,
        interaction: Interaction,
        person: nextcord.User = PERSON,
        where: str = PLACE,
        character: str = CHARACTER_OPTION,
        mode: str = SlashOption(
            description="block: nothing of theirs is kept or read; mute: it stays in what characters read",
            choices=["block", "mute"],
            required=False,
            default="block",
        ),
        reason: str = SlashOption(description="Why, for those who look it up", required=False, default="", max_length=500),
    ) -> Told:
        how: Mode = "mute" if mode == "mute" else "block"

        scope, target, words = await self._where(interaction, where, character)
        await self.do(interaction, Deny(person.id, scope, target, how, reason), unchanged=UNCHANGED)
        return changed(interaction, f"<@{person.id}> is not answered {words} any more ({how}). `/deny remove` takes it back.")

    @answering("remove", "Answer somebody again where they were denied", under=group)
    async def remove(
        self, interaction: Interaction, person: nextcord.User = PERSON, where: str = PLACE, character: str = CHARACTER_OPTION
    ) -> Told:
        scope, target, words = await self._where(interaction, where, character)
        await self.do(interaction, Allow(person.id, scope, target))
        return changed(interaction, f"<@{person.id}> is answered again {words}. Other denials of theirs stay: `/deny list`.")

    @answering("list", "Who is not answered here, since when, by whom and why", under=group)
    async def list_(self, interaction: Interaction, person: nextcord.User | None = ONLY) -> str:
        return await self._listed(interaction, person.id if person is not None else None)

    @suggesting("character", add, remove)
    async def suggest_character(self, interaction: Interaction, character: str) -> Choices:
        return await self.suggest(interaction, character, editable=True)

    async def _where(self, interaction: Interaction, where: str, character: str) -> tuple[Scope, str, str]:
        """The scope, its target, and both in words. Raises Rejected."""
        scope = PLACES.get(where, "guild")
        if scope == "bot":
            return scope, "", "anywhere"
        if scope == "character" or character:
            item = await known.find_own(self.context, CHARACTER, self.context.actor(interaction), character)
            return "character", str(item.id), f"by **{item.name}**"
        if interaction.guild_id is None:
            raise Rejected("This is no server. Deny somebody for one of your characters, or use `/deny add` in a server.")
        if scope == "channel":
            return scope, str(interaction.channel_id), "in this channel"
        return "guild", str(interaction.guild_id), "in this server"

    async def _listed(self, interaction: Interaction, person: int | None) -> str:
        actor = self.context.actor(interaction)
        characters = {str(item.id): item for item in await known.items(self.context, CHARACTER, actor)}
        async with self.context.log.pool.connection() as connection:
            found = await access.denials(connection, self.context.log.vault, user_id=person)
        guild = interaction.guild
        channels = {str(channel.id) for channel in guild.channels} if guild is not None else set()
        places = {str(interaction.guild_id), str(interaction.channel_id), *channels}
        mine = [one for one in found if may_see(one, actor, places, characters)]
        if not mine:
            return "Nobody you may see is denied. `/deny add` denies somebody; it takes Moderate Members, or a character of yours."
        more = [f"and {len(mine) - LISTED:,} more"] if len(mine) > LISTED else []
        return "\n".join([*(_line(one, characters) for one in mine[:LISTED]), *more])


def may_see(one: DeniedPerson, actor: Actor, places: set[str], characters: dict[str, Item]) -> bool:
    """Whether this actor may know of a denial: moderators those of their server, owners of a character those of it. Pure."""
    match one.scope:
        case "bot":
            return actor.trusted
        case "character":
            return actor.trusted or (one.target in characters and characters[one.target].editable)
        case _:
            return actor.trusted or (actor.may(MODERATE) and one.target in places)


def _line(one: DeniedPerson, characters: dict[str, Item]) -> str:
    named = characters[one.target].name if one.target in characters else "a character"
    where = {"bot": "anywhere", "guild": "in this server", "channel": f"in <#{one.target}>", "character": f"by **{named}**"}[one.scope]
    by = f"<@{one.by_user}>" if one.by_user > 1 else "the operator"
    reason = f": {one.reason}" if one.reason else ""
    return f"- <@{one.user_id}> {where} ({one.mode}), by {by} <t:{int(one.denied_at.timestamp())}:R>{reason}"
