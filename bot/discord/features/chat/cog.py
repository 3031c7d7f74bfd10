"""`/chat`: say something to a character, or let it join in. `/random`: the same with one drawn by lot."""

from nextcord import SlashOption

from bot.discord.answers import Choices, Interaction, Told
from bot.discord.features.chat.asking import LONGEST, Asked, ask, lot
from bot.discord.features.declare import Cog, answering, suggesting
from bot.discord.features.resources import known
from engine.resources.kinds import CHARACTER

SAID = "What you say; empty: it reads the room and joins in"


class ChatCog(Cog):
    """The commands."""

    @answering("chat", "Say something to a character, or let it join in")
    async def chat(
        self,
        interaction: Interaction,
        character: str = SlashOption(description="Name or short name", autocomplete=True),
        message: str = SlashOption(description=SAID, required=False, default="", max_length=LONGEST),
    ) -> Told:
        return await self._ask(interaction, Asked(await self.find(interaction, character), message.strip()))

    @answering("random", "Say something to a character that is drawn by lot")
    async def random(
        self, interaction: Interaction, message: str = SlashOption(description=SAID, required=False, default="", max_length=LONGEST)
    ) -> Told:
        there = [one for one in await known.items(self.context, CHARACTER, self.context.actor(interaction)) if one.listed]
        chosen, drawn = lot(there, interaction.id)
        return await self._ask(interaction, Asked(chosen, message.strip(), drawn))

    @suggesting("character", chat)
    async def suggest_character(self, interaction: Interaction, character: str) -> Choices:
        return await self.suggest(interaction, character)

    async def _ask(self, interaction: Interaction, asked: Asked) -> Told:
        await ask(self.context, interaction, asked)
        return Told("", sent=True)
