"""`/admin`: for the bot's owners only, checked here and not only by Discord."""

import nextcord
from nextcord import SlashOption

from bot.discord.answers import Interaction, Told, answer
from bot.discord.context import Context, key_of
from bot.discord.features.admin.health import probe, version_line
from bot.discord.features.undo.press import changed, shown
from engine import clock
from engine.decide.places import serving
from engine.decide.rejected import Rejected
from engine.execute import execute
from projections.models.places import servers


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


def _guild(text: str) -> int:
    """The id of a server. Raises Rejected."""
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 2**63):
        raise Rejected("A server is named by its id, a number: `/admin servers` shows those the bot is in.")
    return int(text)
