"""`/admin`: for the bot's owners only, checked here and not only by Discord."""

import nextcord

from bot.discord.answers import Interaction, answer
from bot.discord.context import Context
from bot.discord.features.admin.health import probe, version_line
from engine import clock
from engine.decide.rejected import Rejected


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
        actor = self.context.actor(interaction)
        latency = interaction.client.latency

        async def work() -> str:
            if not actor.trusted:
                raise Rejected("Only the bot's owners can see this. Owners are set with OWNER_IDS.")
            lines = [f"**{version_line(self.started)}**", f"✅ Discord: {latency * 1000:.0f} ms"]
            probes = await probe(self.context.log, self.context.settings)
            return "\n".join(lines + [f"{'✅' if ok else '❌'} {name}: {sentence}" for name, ok, sentence in probes])

        await answer(interaction, work)
