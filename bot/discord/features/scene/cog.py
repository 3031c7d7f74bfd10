"""`/scene`: characters join and leave, are whispered to, and narrate (A18)."""

from nextcord import SlashOption

from bot.discord.answers import Choices, Interaction, Told
from bot.discord.features.channel.cog import where_of
from bot.discord.features.chat.asking import LONGEST, Asked, ask
from bot.discord.features.declare import Cog, answering, command_group, suggesting
from bot.discord.features.resources import known
from bot.discord.features.undo.press import changed
from engine.decide.rejected import Rejected
from engine.decide.speaking.scene import Mark, Narrate
from engine.resources.kinds import CHARACTER
from projections import why
from projections.models.places import scenes

WHO = "Name or short name"
SINCE = "Link or id of the first message it holds for; empty: from now on"


class SceneCog(Cog):
    """The commands."""

    @command_group("scene", "Who is there while something is said here")
    async def group(self, interaction: Interaction) -> None:
        """Only its sub-commands can be called."""

    @answering("join", "A character comes in: it knows nothing of what was said before", under=group, hidden=False)
    async def join(
        self,
        interaction: Interaction,
        character: str = SlashOption(description=WHO, autocomplete=True),
        since: str = SlashOption(description=SINCE, required=False, default=""),
    ) -> Told:
        return await self._mark(interaction, character, since, there=True)

    @answering("leave", "A character goes out: it sees nothing more until it is back", under=group, hidden=False)
    async def leave(
        self,
        interaction: Interaction,
        character: str = SlashOption(description=WHO, autocomplete=True),
        since: str = SlashOption(description=SINCE, required=False, default=""),
    ) -> Told:
        return await self._mark(interaction, character, since, there=False)

    @answering("narrator", "A character sees everything, whether it is there or not", under=group, hidden=False)
    async def narrator(
        self,
        interaction: Interaction,
        character: str = SlashOption(description=WHO, autocomplete=True),
        narrates: bool = SlashOption(description="False: no more", required=False, default=True),
    ) -> Told:
        found = await self.find(interaction, character)
        await self.do(interaction, Narrate(where_of(interaction), found.id, narrates))
        return changed(interaction, f"**{found.name}** narrates here{'' if narrates else ' no more'}.")

    @answering("whisper", "Say something that no other character hears, nor the answer to it", under=group)
    async def whisper(
        self,
        interaction: Interaction,
        character: str = SlashOption(description=WHO, autocomplete=True),
        message: str = SlashOption(description="What you say; people here see it", max_length=LONGEST),
    ) -> Told:
        if not message.strip():
            raise Rejected("Say something.")
        await ask(self.context, interaction, Asked(await self.find(interaction, character), message.strip(), whispered=True))
        return Told("", sent=True)

    @answering("show", "Who is there, and who narrates", under=group)
    async def show(self, interaction: Interaction) -> str:
        async with self.context.log.pool.connection() as connection:
            cast = await scenes.cast(connection, where_of(interaction).channel_id, interaction.id)
        names = {one.id: one.name for one in await known.items(self.context, CHARACTER, self.context.actor(interaction))}
        lines = [f"**{names[who]}** {'is there' if there else 'is not there'}." for who, there in cast.present.items() if who in names]
        lines += [f"**{names[who]}** narrates." for who in cast.narrators if who in names]
        return "\n".join(sorted(lines)) or "Every character sees all that is said here. `/scene leave` lets one go out."

    @suggesting("character", join, leave, narrator, whisper)
    async def suggest_character(self, interaction: Interaction, character: str) -> Choices:
        return await self.suggest(interaction, character)

    async def _mark(self, interaction: Interaction, character: str, since: str, *, there: bool) -> Told:
        found, at = await self.find(interaction, character), _since(since, interaction.id)
        await self.do(interaction, Mark(where_of(interaction), found.id, at, there))
        words = "is there now" if there else "is not there any more"
        return changed(interaction, f"**{found.name}** {words}.")


def _since(text: str, now: int) -> int:
    """The message from which on it holds. Raises Rejected."""
    if not text.strip():
        return now
    try:
        return why.message_of(text)
    except why.NotAMessage as error:
        raise Rejected(str(error)) from None
