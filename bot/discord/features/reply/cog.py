"""Commands on a message (right click, Apps) and `/why`."""

import asyncio
from contextlib import suppress
from typing import Any

import nextcord
from nextcord import SlashOption

from bot import why as words
from bot.discord.answers import Interaction, Told
from bot.discord.features.declare import Cog, answering, on_message, opening
from bot.discord.features.reply import press
from bot.discord.features.reply.look import looked_into, remembering
from bot.discord.features.reply.panel import LOOK_S, LOOKS, Target, panel, target_of
from bot.discord.features.undo.press import changed
from bot.discord.payload import Json
from engine.decide import reply
from engine.decide.rejected import Rejected
from projections import replies
from projections import why as reasons


class ReplyCog(Cog):
    """The commands."""

    @answering("why", "Why a message was answered like that, or not at all")
    async def why(self, interaction: Interaction, message: str = SlashOption(description="Link or id of a message in this channel")) -> str:
        return await self._explained(interaction, message)

    @answering("inspect", "Everything about a reply: its time, prompt, model, versions")
    async def look(
        self, interaction: Interaction, turn: str = SlashOption(description="Link or id of a message, a turn's id, or an error's reference")
    ) -> str:
        return await looked_into(self.context.log, self.context.actor(interaction), turn)

    @on_message("Inspect")
    async def inspect(self, interaction: Interaction, message: nextcord.Message) -> str:
        target = str(_target(interaction))
        told = await self._explained(interaction, target)
        with suppress(Rejected):
            told += "\n" + await looked_into(self.context.log, self.context.actor(interaction), target)
        return told

    @on_message("Versions")
    async def versions(self, interaction: Interaction, message: nextcord.Message) -> Told:
        return await panel(self.context.log, _reply(await target_of(self.context.log, _target(interaction))))

    @on_message("Regenerate")
    async def regenerate(self, interaction: Interaction, message: nextcord.Message) -> Told:
        target = _reply(await target_of(self.context.log, _target(interaction)))
        await press.act(self.context, interaction, reply.Regenerate(target.message_id, target.character))
        return await panel(self.context.log, target, "It is asked for.")

    @opening("Edit reply")
    async def edit(self, interaction: Interaction, message: nextcord.Message) -> Json:
        return await press.edit_form(self.context, _reply(await target_of(self.context.log, _target(interaction))))

    @on_message("Delete reply")
    async def delete(self, interaction: Interaction, message: nextcord.Message) -> Told:
        shown = await target_of(self.context.log, _target(interaction))
        only = shown.turn if shown.segment else None
        return await press.deleted(self.context, interaction, reply.DeleteReply(shown.message_id, shown.character, only))

    @on_message("Remember this")
    async def remember(self, interaction: Interaction, message: nextcord.Message) -> Told:
        actor, target = self.context.actor(interaction), _target(interaction)
        command = await remembering(self.context.log, actor, target, interaction.channel_id, interaction.guild_id)
        await self.do(interaction, command, unchanged="It is remembered already.")
        return changed(interaction, "It is remembered for you.")

    @opening("Report")
    async def report(self, interaction: Interaction, message: nextcord.Message) -> Json:
        return press.report_form(await target_of(self.context.log, _target(interaction)))

    async def _explained(self, interaction: Interaction, text: str) -> str:
        try:
            found = await self._known(reasons.message_of(text))
        except reasons.NotAMessage as error:
            raise Rejected(str(error)) from None
        if found.channel not in (None, interaction.channel_id) and not self.context.actor(interaction).trusted:
            raise Rejected("Ask about a message in the channel where it was said.")
        return "\n".join(words.lines(found))

    async def _known(self, message_id: int) -> reasons.Why:
        """What is known of a message; of one that is quite new, as soon as it is."""
        for _ in range(LOOKS - 1):
            if (found := await reasons.explain(self.context.log, message_id)).channel is not None:
                return found
            await asyncio.sleep(LOOK_S)
        return await reasons.explain(self.context.log, message_id)


def _reply(shown: replies.Shown) -> Target:
    return Target(shown.message_id, shown.character)


def _target(interaction: Interaction) -> int:
    """The message a command was given on; of what Discord sends along with it nothing is used."""
    data: Any = interaction.data or {}
    return int(data.get("target_id") or 0)
