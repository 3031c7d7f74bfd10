"""Commands on a message (right click, Apps) and `/why`."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import nextcord
from nextcord import SlashOption

from bot import why as words
from bot.discord.answers import Interaction, Told, answer
from bot.discord.context import Context, key_of
from bot.discord.features.reply import press
from bot.discord.features.reply.look import looked_into, remembering
from bot.discord.features.reply.panel import LOOK_S, LOOKS, Target, panel, target_of
from bot.discord.features.undo.press import changed
from engine.decide import reply
from engine.decide.rejected import Rejected
from engine.execute import execute
from projections import replies
from projections import why as reasons


class ReplyCog(nextcord.ClientCog):
    """The commands."""

    def __init__(self, context: Context) -> None:
        self.context = context

    @nextcord.slash_command(name="why", description="Why a message was answered like that, or not at all")  # type: ignore[untyped-decorator]
    async def why(
        self, interaction: Interaction, message: str = SlashOption(description="Link or id of a message in this channel")
    ) -> None:
        await self._explain(interaction, message)

    @nextcord.slash_command(name="inspect", description="Everything about a reply: its time, prompt, model, versions")  # type: ignore[untyped-decorator]
    async def look(
        self, interaction: Interaction, turn: str = SlashOption(description="Link or id of a message, a turn's id, or an error's reference")
    ) -> None:
        async def work() -> str:
            return await looked_into(self.context.log, self.context.actor(interaction), turn)

        await answer(interaction, work)

    @nextcord.message_command(name="Inspect")  # type: ignore[untyped-decorator]
    async def inspect(self, interaction: Interaction, message: nextcord.Message) -> None:
        actor, target = self.context.actor(interaction), str(_target(interaction))

        async def more() -> str:
            with suppress(Rejected):
                return "\n" + await looked_into(self.context.log, actor, target)
            return ""

        await self._explain(interaction, target, more)

    @nextcord.message_command(name="Versions")  # type: ignore[untyped-decorator]
    async def versions(self, interaction: Interaction, message: nextcord.Message) -> None:
        async def work() -> Told:
            return await panel(self.context.log, _reply(await target_of(self.context.log, _target(interaction))))

        await answer(interaction, work)

    @nextcord.message_command(name="Regenerate")  # type: ignore[untyped-decorator]
    async def regenerate(self, interaction: Interaction, message: nextcord.Message) -> None:
        async def work() -> Told:
            target = _reply(await target_of(self.context.log, _target(interaction)))
            await press.act(self.context, interaction, reply.Regenerate(target.message_id, target.character))
            return await panel(self.context.log, target, "It is asked for.")

        await answer(interaction, work)

    @nextcord.message_command(name="Edit reply")  # type: ignore[untyped-decorator]
    async def edit(self, interaction: Interaction, message: nextcord.Message) -> None:
        try:
            target = _reply(await target_of(self.context.log, _target(interaction)))
        except Rejected as rejected:
            await answer(interaction, _saying(rejected))
            return
        await press.edit_form(self.context, interaction, target)

    @nextcord.message_command(name="Delete reply")  # type: ignore[untyped-decorator]
    async def delete(self, interaction: Interaction, message: nextcord.Message) -> None:
        try:
            shown = await target_of(self.context.log, _target(interaction))
        except Rejected as rejected:
            await answer(interaction, _saying(rejected))
            return
        only = shown.turn if shown.segment else None
        await press.delete(self.context, interaction, reply.DeleteReply(shown.message_id, shown.character, only))

    @nextcord.message_command(name="Remember this")  # type: ignore[untyped-decorator]
    async def remember(self, interaction: Interaction, message: nextcord.Message) -> None:
        actor, target = self.context.actor(interaction), _target(interaction)

        async def work() -> Told:
            command = await remembering(self.context.log, actor, target, interaction.channel_id, interaction.guild_id)
            done = await execute(self.context.log, actor, command, key_of(interaction.id))
            if not done.events:
                raise Rejected("It is remembered already.")
            return changed(interaction, "It is remembered for you.")

        await answer(interaction, work)

    @nextcord.message_command(name="Report")  # type: ignore[untyped-decorator]
    async def report(self, interaction: Interaction, message: nextcord.Message) -> None:
        try:
            shown = await target_of(self.context.log, _target(interaction))
        except Rejected as rejected:
            await answer(interaction, _saying(rejected))
            return
        await press.report_form(interaction, shown)

    async def _explain(self, interaction: Interaction, text: str, more: Callable[[], Awaitable[str]] | None = None) -> None:
        here, owner = interaction.channel_id, self.context.actor(interaction).trusted

        async def work() -> str:
            try:
                found = await self._known(reasons.message_of(text))
            except reasons.NotAMessage as error:
                raise Rejected(str(error)) from None
            if found.channel not in (None, here) and not owner:
                raise Rejected("Ask about a message in the channel where it was said.")
            return "\n".join(words.lines(found)) + (await more() if more is not None else "")

        await answer(interaction, work)

    async def _known(self, message_id: int) -> reasons.Why:
        """What is known of a message; of one that is quite new, as soon as it is."""
        for _ in range(LOOKS - 1):
            if (found := await reasons.explain(self.context.log, message_id)).channel is not None:
                return found
            await asyncio.sleep(LOOK_S)
        return await reasons.explain(self.context.log, message_id)


def _saying(rejected: Rejected) -> Any:
    async def work() -> str:
        raise rejected

    return work


def _reply(shown: replies.Shown) -> Target:
    return Target(shown.message_id, shown.character)


def _target(interaction: Interaction) -> int:
    """The message a command was given on; of what Discord sends along with it nothing is used."""
    data: Any = interaction.data or {}
    return int(data.get("target_id") or 0)
