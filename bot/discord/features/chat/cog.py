"""`/chat`: say something to a character, or let it join in. `/random`: the same with one drawn by lot."""

from collections.abc import Awaitable, Callable

import nextcord
from nextcord import SlashOption

from bot.discord.answers import Interaction, Told, answer
from bot.discord.context import Context
from bot.discord.features.chat.asking import LONGEST, Asked, ask, lot
from bot.discord.features.resources import known
from engine.resources.kinds import CHARACTER

SAID = "What you say; empty: it reads the room and joins in"


class ChatCog(nextcord.ClientCog):
    """The commands."""

    def __init__(self, context: Context) -> None:
        self.context = context

    @nextcord.slash_command(name="chat", description="Say something to a character, or let it join in")  # type: ignore[untyped-decorator]
    async def chat(
        self,
        interaction: Interaction,
        character: str = SlashOption(description="Name or short name", autocomplete=True),
        message: str = SlashOption(description=SAID, required=False, default="", max_length=LONGEST),
    ) -> None:
        actor = self.context.actor(interaction)

        async def whom() -> Asked:
            return Asked(await known.find(self.context, CHARACTER, actor, character), message.strip())

        await self._ask(interaction, whom)

    @nextcord.slash_command(name="random", description="Say something to a character that is drawn by lot")  # type: ignore[untyped-decorator]
    async def random(
        self, interaction: Interaction, message: str = SlashOption(description=SAID, required=False, default="", max_length=LONGEST)
    ) -> None:
        actor = self.context.actor(interaction)

        async def whom() -> Asked:
            there = [one for one in await known.items(self.context, CHARACTER, actor) if one.listed]
            chosen, drawn = lot(there, interaction.id)
            return Asked(chosen, message.strip(), drawn)

        await self._ask(interaction, whom)

    @chat.on_autocomplete("character")  # type: ignore[untyped-decorator]
    async def choose(self, interaction: Interaction, character: str) -> None:
        there = await known.items(self.context, CHARACTER, self.context.actor(interaction))
        await interaction.response.send_autocomplete(known.suggestions(there, character, editable=False))

    async def _ask(self, interaction: Interaction, whom: Callable[[], Awaitable[Asked]]) -> None:
        async def work() -> Told:
            await ask(self.context, interaction, await whom())
            return Told("", sent=True)

        await answer(interaction, work)
