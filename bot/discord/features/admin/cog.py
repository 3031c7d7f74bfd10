"""`/admin`: for the bot's owners only, checked here and not only by Discord."""

from datetime import timedelta

from nextcord import SlashOption

from bot import turn_lines
from bot.discord.answers import Interaction, Told
from bot.discord.context import Context
from bot.discord.features.admin import showing
from bot.discord.features.admin.health import probe, version_line
from bot.discord.features.declare import UNCHANGED, Cog, answering, command_group
from bot.discord.features.undo.press import changed
from bot.why import lines
from engine import clock
from engine.decide.places import serving
from engine.decide.rejected import Rejected
from engine.outside import numbers
from projections import inspector, why
from projections.models.places import servers
from projections.models.timeline import Filter


class AdminCog(Cog):
    """The commands."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.started = clock.monotonic()

    @command_group("admin", "For the bot's owners")
    async def admin(self, interaction: Interaction) -> None:
        """Only its sub-commands can be called."""

    @answering("health", "How the bot and what it needs are doing", under=admin)
    async def health(self, interaction: Interaction) -> str:
        latency = interaction.client.latency

        self._owners_only(interaction)
        lines = [f"**{version_line(self.started)}**", f"✅ Discord: {latency * 1000:.0f} ms"]
        probes = await probe(self.context.log, self.context.settings)
        return "\n".join(lines + [f"{'✅' if ok else '❌'} {name}: {sentence}" for name, ok, sentence in probes])

    @answering("quota", "Which models providers refused for their quota, and until when", under=admin)
    async def quota(self, interaction: Interaction) -> str:
        self._owners_only(interaction)
        return turn_lines.quota_markdown(await turn_lines.quota_lines(self.context.log))

    @command_group("presence", "How the bot shows itself", under=admin)
    async def presence(self, interaction: Interaction) -> None:
        """Only its sub-commands can be called."""

    @answering("set", "Show a text and a status", under=presence)
    async def presence_set(
        self,
        interaction: Interaction,
        text: str = SlashOption(description="What everybody reads below its name", max_length=128),
        activity: str = SlashOption(description="Before the text", required=False, default="custom", choices=list(showing.ACTIVITIES)),
        status: str = SlashOption(description="The dot", required=False, default="online", choices=list(showing.STATUSES)),
    ) -> Told:
        return await showing.carry(self.context, interaction, showing.command(text, activity, status))

    @answering("clear", "Show no text, and be online", under=presence)
    async def presence_clear(self, interaction: Interaction) -> Told:
        return await showing.carry(self.context, interaction, showing.command())

    @command_group("debug", "What became of turns: yours, or for the bot's owners everybody's", under=admin)
    async def debug(self, interaction: Interaction) -> None:
        """Only its sub-commands can be called."""

    @answering("recent", "The latest turns that match all you name; yours, or for the bot's owners everybody's", under=debug)
    async def debug_recent(
        self,
        interaction: Interaction,
        character: str = SlashOption(description="Its name", required=False, default="", max_length=100),
        user: str = SlashOption(description="Number of a person; owners only", required=False, default="", max_length=25),
        channel: str = SlashOption(description="Number of a channel", required=False, default="", max_length=25),
        category: str = SlashOption(description="Of an error, such as timeout", required=False, default="", max_length=60),
        model: str = SlashOption(description="Its id", required=False, default="", max_length=200),
        hours: int = SlashOption(description="How many hours back", required=False, default=336, min_value=1, max_value=8760),
    ) -> str:
        actor = self.context.actor(interaction)
        asked = _number(user, "A person") if user else None
        if not actor.trusted and asked not in (None, actor.user_id):
            raise Rejected("You can see your own turns only.")
        wanted = Filter(
            character=await turn_lines.character_named(self.context.log, character),
            user=asked if actor.trusted else actor.user_id,
            channel=_number(channel, "A channel") if channel else None,
            category=category or None,
            model=model or None,
            since=clock.now() - timedelta(hours=hours),
        )
        return turn_lines.markdown(await turn_lines.recent(self.context.log, wanted))

    @answering("show", "Why a turn went as it did", under=debug)
    async def debug_show(
        self,
        interaction: Interaction,
        turn: str = SlashOption(description="Its id, the reference of an error, or the link of a message", max_length=200),
    ) -> str:
        actor, log = self.context.actor(interaction), self.context.log
        found = [one for one in await inspector.find(log, turn) if actor.trusted or one.user_id == actor.user_id]
        if not found:
            raise Rejected("There is no such turn, or it is not yours. `/admin debug recent` lists turns with their ids.")
        listed = [turn_lines.listed(one, self.context.roster.names) for one in found]
        return "\n".join([turn_lines.markdown(listed), *lines(await why.explain(log, found[0].message_id))])

    @answering("servers", "Which servers the bot is in, and which it does not serve", under=admin)
    async def servers(self, interaction: Interaction) -> str:
        self._owners_only(interaction)
        async with self.context.log.pool.connection() as connection:
            said = {one.guild_id: one.verdict for one in await servers.servers(connection) if one.verdict}
            helped = await servers.referrals(connection)
        here = {guild.id: guild.name for guild in interaction.client.guilds}
        lines = [f"- {name} (`{guild}`){f': {said[guild]}' if guild in said else ''}" for guild, name in here.items()]
        lines += [f"- `{guild}`: {verdict}, not there" for guild, verdict in said.items() if guild not in here]
        lines.append(f"-# People were shown where help is {sum(helped.values())} times.")
        return "\n".join(lines)

    @answering("server-deny", "Leave a server, and leave it again when it invites the bot again", under=admin)
    async def server_deny(
        self,
        interaction: Interaction,
        server: str = SlashOption(description="Its id"),
        reason: str = SlashOption(description="Why, for those who look it up", required=False, default="", max_length=500),
    ) -> Told:
        guild = _guild(server)
        await self.do(interaction, serving.DenyServer(guild, reason), unchanged=UNCHANGED)
        return changed(interaction, f"Server `{guild}` is not served any more, and is left. `/admin server-allow` takes it back.")

    @answering("server-allow", "Serve a server", under=admin)
    async def server_allow(self, interaction: Interaction, server: str = SlashOption(description="Its id")) -> Told:
        guild = _guild(server)
        await self.do(interaction, serving.AllowServer(guild), unchanged=UNCHANGED)
        return changed(interaction, f"Server `{guild}` is served. It can invite the bot now.")

    def _owners_only(self, interaction: Interaction) -> None:
        if not self.context.actor(interaction).trusted:
            raise Rejected("Only the bot's owners can see this. Owners are set with OWNER_IDS.")


def _number(text: str, what: str) -> int:
    """The number in an option, a mention's too. Raises Rejected."""
    digits = text.strip().strip("<@#!>")
    if numbers.whole(digits) is None:
        raise Rejected(f"{what} is named by a number here.")
    return int(digits)


def _guild(text: str) -> int:
    """The id of a server. Raises Rejected."""
    if not numbers.is_id(text):
        raise Rejected("A server is named by its id, a number: `/admin servers` shows those the bot is in.")
    return int(text)
