"""`/scene`: characters join and leave, are whispered to, and narrate (A18)."""

import nextcord
from nextcord import SlashOption

from bot.discord.answers import Interaction, Told, answer
from bot.discord.context import Context, key_of
from bot.discord.features.channel.cog import where_of
from bot.discord.features.chat.asking import LONGEST, Asked, ask
from bot.discord.features.resources import known
from bot.discord.features.undo.press import changed, shown
from bot.editing import Item
from engine.decide.rejected import Rejected
from engine.decide.speaking.scene import Mark, Narrate, SceneCommand
from engine.execute import execute
from engine.resources.kinds import CHARACTER
from projections import why
from projections.models.places import scenes

WHO = "Name or short name"
SINCE = "Link or id of the first message it holds for; empty: from now on"


class SceneCog(nextcord.ClientCog):
    """The commands."""

    def __init__(self, context: Context) -> None:
        self.context = context

    @nextcord.slash_command(name="scene", description="Who is there while something is said here")  # type: ignore[untyped-decorator]
    async def group(self, interaction: Interaction) -> None:
        """Only its sub-commands can be called."""

    @group.subcommand(name="join", description="A character comes in: it knows nothing of what was said before")  # type: ignore[untyped-decorator]
    async def join(
        self,
        interaction: Interaction,
        character: str = SlashOption(description=WHO, autocomplete=True),
        since: str = SlashOption(description=SINCE, required=False, default=""),
    ) -> None:
        await self._mark(interaction, character, since, there=True)

    @group.subcommand(name="leave", description="A character goes out: it sees nothing more until it is back")  # type: ignore[untyped-decorator]
    async def leave(
        self,
        interaction: Interaction,
        character: str = SlashOption(description=WHO, autocomplete=True),
        since: str = SlashOption(description=SINCE, required=False, default=""),
    ) -> None:
        await self._mark(interaction, character, since, there=False)

    @group.subcommand(name="narrator", description="A character sees everything, whether it is there or not")  # type: ignore[untyped-decorator]
    async def narrator(
        self,
        interaction: Interaction,
        character: str = SlashOption(description=WHO, autocomplete=True),
        narrates: bool = SlashOption(description="False: no more", required=False, default=True),
    ) -> None:
        async def work() -> Told:
            found = await self._find(interaction, character)
            await self._do(interaction, Narrate(where_of(interaction), found.id, narrates))
            return changed(interaction, f"**{found.name}** narrates here{'' if narrates else ' no more'}.")

        await answer(interaction, work, hidden=False)

    @group.subcommand(name="whisper", description="Say something that no other character hears, nor the answer to it")  # type: ignore[untyped-decorator]
    async def whisper(
        self,
        interaction: Interaction,
        character: str = SlashOption(description=WHO, autocomplete=True),
        message: str = SlashOption(description="What you say; people here see it", max_length=LONGEST),
    ) -> None:
        async def work() -> Told:
            if not message.strip():
                raise Rejected("Say something.")
            await ask(self.context, interaction, Asked(await self._find(interaction, character), message.strip(), whispered=True))
            return Told("", sent=True)

        await answer(interaction, work)

    @group.subcommand(name="show", description="Who is there, and who narrates")  # type: ignore[untyped-decorator]
    async def show(self, interaction: Interaction) -> None:
        async def work() -> str:
            async with self.context.log.pool.connection() as connection:
                cast = await scenes.cast(connection, where_of(interaction).channel_id, interaction.id)
            names = {one.id: one.name for one in await known.items(self.context, CHARACTER, self.context.actor(interaction))}
            lines = [f"**{names[who]}** {'is there' if there else 'is not there'}." for who, there in cast.present.items() if who in names]
            lines += [f"**{names[who]}** narrates." for who in cast.narrators if who in names]
            return "\n".join(sorted(lines)) or "Every character sees all that is said here. `/scene leave` lets one go out."

        await answer(interaction, work)

    @join.on_autocomplete("character")  # type: ignore[untyped-decorator]
    async def choose_join(self, interaction: Interaction, character: str) -> None:
        await self._suggest(interaction, character)

    @leave.on_autocomplete("character")  # type: ignore[untyped-decorator]
    async def choose_leave(self, interaction: Interaction, character: str) -> None:
        await self._suggest(interaction, character)

    @narrator.on_autocomplete("character")  # type: ignore[untyped-decorator]
    async def choose_narrator(self, interaction: Interaction, character: str) -> None:
        await self._suggest(interaction, character)

    @whisper.on_autocomplete("character")  # type: ignore[untyped-decorator]
    async def choose_whisper(self, interaction: Interaction, character: str) -> None:
        await self._suggest(interaction, character)

    async def _mark(self, interaction: Interaction, character: str, since: str, *, there: bool) -> None:
        async def work() -> Told:
            found, at = await self._find(interaction, character), _since(since, interaction.id)
            await self._do(interaction, Mark(where_of(interaction), found.id, at, there))
            words = "is there now" if there else "is not there any more"
            return changed(interaction, f"**{found.name}** {words}.")

        await answer(interaction, work, hidden=False)

    async def _suggest(self, interaction: Interaction, character: str) -> None:
        there = await known.items(self.context, CHARACTER, self.context.actor(interaction))
        await interaction.response.send_autocomplete(known.suggestions(there, character, editable=False))

    async def _find(self, interaction: Interaction, text: str) -> Item:
        return await known.find(self.context, CHARACTER, self.context.actor(interaction), text)

    async def _do(self, interaction: Interaction, command: SceneCommand) -> None:
        await shown(self.context, await execute(self.context.log, self.context.actor(interaction), command, key_of(interaction.id)))


def _since(text: str, now: int) -> int:
    """The message from which on it holds. Raises Rejected."""
    if not text.strip():
        return now
    try:
        return why.message_of(text)
    except why.NotAMessage as error:
        raise Rejected(str(error)) from None
