"""`/admin`: for the bot's owners only, checked here and not only by Discord."""

from datetime import timedelta

import nextcord
from nextcord import SlashOption

from bot import turn_lines
from bot.discord.answers import Interaction, Told, answer
from bot.discord.context import Context, key_of
from bot.discord.features.admin import showing
from bot.discord.features.admin.health import probe, version_line
from bot.discord.features.undo.press import changed, shown
from bot.why import lines
from engine import clock
from engine.decide.places import serving
from engine.decide.rejected import Rejected
from engine.execute import execute
from engine.outside import numbers
from projections import inspector, why
from projections.models.places import servers
from projections.models.timeline import Filter


class AdminCog(nextcord.ClientCog):
    """The commands."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.started = clock.monotonic()

    @nextcord.slash_command(name="admin", description="For the bot's owners")  # type: ignore[untyped-decorator]
    async def admin(self, interaction: Interaction) -> None:
        """Only its sub-commands can be called."""

    @admin.subcommand(name="health", description="How the bot and what it needs are doing")  # type: ignore[untyped-decorator]
    async def health(self, interaction: Interaction) -> None:
        latency = interaction.client.latency

        async def work() -> str:
            self._owners_only(interaction)
            lines = [f"**{version_line(self.started)}**", f"✅ Discord: {latency * 1000:.0f} ms"]
            probes = await probe(self.context.log, self.context.settings)
            return "\n".join(lines + [f"{'✅' if ok else '❌'} {name}: {sentence}" for name, ok, sentence in probes])

        await answer(interaction, work)

    @admin.subcommand(name="quota", description="Which models providers refused for their quota, and until when")  # type: ignore[untyped-decorator]
    async def quota(self, interaction: Interaction) -> None:
        async def work() -> str:
            self._owners_only(interaction)
            return turn_lines.quota_markdown(await turn_lines.quota_lines(self.context.log))

        await answer(interaction, work)

    @admin.subcommand(name="presence", description="How the bot shows itself")  # type: ignore[untyped-decorator]
    async def presence(self, interaction: Interaction) -> None:
        """Only its sub-commands can be called."""

    @presence.subcommand(name="set", description="Show a text and a status")  # type: ignore[untyped-decorator]
    async def presence_set(
        self,
        interaction: Interaction,
        text: str = SlashOption(description="What everybody reads below its name", max_length=128),
        activity: str = SlashOption(description="Before the text", required=False, default="custom", choices=list(showing.ACTIVITIES)),
        status: str = SlashOption(description="The dot", required=False, default="online", choices=list(showing.STATUSES)),
    ) -> None:
        await answer(interaction, lambda: showing.carry(self.context, interaction, showing.command(text, activity, status)))

    @presence.subcommand(name="clear", description="Show no text, and be online")  # type: ignore[untyped-decorator]
    async def presence_clear(self, interaction: Interaction) -> None:
        await answer(interaction, lambda: showing.carry(self.context, interaction, showing.command()))

    @admin.subcommand(name="debug", description="What became of turns: yours, or for the bot's owners everybody's")  # type: ignore[untyped-decorator]
    async def debug(self, interaction: Interaction) -> None:
        """Only its sub-commands can be called."""

    @debug.subcommand(name="recent", description="The latest turns that match all you name; yours, or for the bot's owners everybody's")  # type: ignore[untyped-decorator]
    async def debug_recent(
        self,
        interaction: Interaction,
        character: str = SlashOption(description="Its name", required=False, default="", max_length=100),
        user: str = SlashOption(description="Number of a person; owners only", required=False, default="", max_length=25),
        channel: str = SlashOption(description="Number of a channel", required=False, default="", max_length=25),
        category: str = SlashOption(description="Of an error, such as timeout", required=False, default="", max_length=60),
        model: str = SlashOption(description="Its id", required=False, default="", max_length=200),
        hours: int = SlashOption(description="How many hours back", required=False, default=336, min_value=1, max_value=8760),
    ) -> None:
        async def work() -> str:
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

        await answer(interaction, work)

    @debug.subcommand(name="show", description="Why a turn went as it did")  # type: ignore[untyped-decorator]
    async def debug_show(
        self,
        interaction: Interaction,
        turn: str = SlashOption(description="Its id, the reference of an error, or the link of a message", max_length=200),
    ) -> None:
        async def work() -> str:
            actor, log = self.context.actor(interaction), self.context.log
            found = [one for one in await inspector.find(log, turn) if actor.trusted or one.user_id == actor.user_id]
            if not found:
                raise Rejected("There is no such turn, or it is not yours. `/admin debug recent` lists turns with their ids.")
            listed = [turn_lines.listed(one, self.context.roster.names) for one in found]
            return "\n".join([turn_lines.markdown(listed), *lines(await why.explain(log, found[0].message_id))])

        await answer(interaction, work)

    @admin.subcommand(name="servers", description="Which servers the bot is in, and which it does not serve")  # type: ignore[untyped-decorator]
    async def servers(self, interaction: Interaction) -> None:
        async def work() -> str:
            self._owners_only(interaction)
            async with self.context.log.pool.connection() as connection:
                said = {one.guild_id: one.verdict for one in await servers.servers(connection) if one.verdict}
                helped = await servers.referrals(connection)
            here = {guild.id: guild.name for guild in interaction.client.guilds}
            lines = [f"- {name} (`{guild}`){f': {said[guild]}' if guild in said else ''}" for guild, name in here.items()]
            lines += [f"- `{guild}`: {verdict}, not there" for guild, verdict in said.items() if guild not in here]
            lines.append(f"-# People were shown where help is {sum(helped.values())} times.")
            return "\n".join(lines)

        await answer(interaction, work)

    @admin.subcommand(name="server-deny", description="Leave a server, and leave it again when it invites the bot again")  # type: ignore[untyped-decorator]
    async def server_deny(
        self,
        interaction: Interaction,
        server: str = SlashOption(description="Its id"),
        reason: str = SlashOption(description="Why, for those who look it up", required=False, default="", max_length=500),
    ) -> None:
        async def work() -> Told:
            guild = _guild(server)
            await self._say(interaction, serving.DenyServer(guild, reason))
            return changed(interaction, f"Server `{guild}` is not served any more, and is left. `/admin server-allow` takes it back.")

        await answer(interaction, work)

    @admin.subcommand(name="server-allow", description="Serve a server")  # type: ignore[untyped-decorator]
    async def server_allow(self, interaction: Interaction, server: str = SlashOption(description="Its id")) -> None:
        async def work() -> Told:
            guild = _guild(server)
            await self._say(interaction, serving.AllowServer(guild))
            return changed(interaction, f"Server `{guild}` is served. It can invite the bot now.")

        await answer(interaction, work)

    async def _say(self, interaction: Interaction, command: serving.ServingCommand) -> None:
        done = await execute(self.context.log, self.context.actor(interaction), command, key_of(interaction.id))
        if not done.events:
            raise Rejected("Nothing changed: it is so already.")
        await shown(self.context, done)

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
