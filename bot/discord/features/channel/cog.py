"""`/channel`: who answers everything said here."""

from dataclasses import replace

import nextcord
from nextcord import SlashOption

from bot import editing, sheets
from bot.discord import custom_ids
from bot.discord.answers import Interaction, Told, answer
from bot.discord.components import button, row
from bot.discord.context import key_of
from bot.discord.features.resources import known
from bot.discord.features.resources.cog import edit_sheet, field_choices
from bot.discord.features.resources.editor import Editor
from bot.discord.features.undo.press import changed, shown
from bot.editing import Item
from bot.explain import NEEDED, Here, lines, look, names_of
from engine.decide import channel
from engine.execute import Executed, execute
from engine.resources.kinds import CHANNEL, CHARACTER
from projections.models import channels


class ChannelCog(nextcord.ClientCog):
    """The commands."""

    def __init__(self, editor: Editor) -> None:
        self.editor, self.context = editor, editor.context

    @nextcord.slash_command(name="channel", description="Who answers in this channel")  # type: ignore[untyped-decorator]
    async def group(self, interaction: Interaction) -> None:
        """Only its sub-commands can be called."""

    @group.subcommand(name="activate", description="A character answers everything said here")  # type: ignore[untyped-decorator]
    async def activate(
        self, interaction: Interaction, character: str = SlashOption(description="Name or short name", autocomplete=True)
    ) -> None:
        actor, where = self.context.actor(interaction), where_of(interaction)

        async def work() -> Told:
            found = await known.find(self.context, CHARACTER, actor, character)
            await self._carry_out(interaction, channel.Activate(where, found.id))
            lacks = f"\n⚠️ I lack {names_of(missing)} here; `/channel explain` says more." if (missing := lacking(interaction)) else ""
            return changed(interaction, f"**{found.name}** answers everything said here now. `/channel deactivate` ends it.{lacks}")

        await answer(interaction, work, hidden=False)

    @group.subcommand(name="deactivate", description="Stop one character, or all, from answering here")  # type: ignore[untyped-decorator]
    async def deactivate(
        self,
        interaction: Interaction,
        character: str = SlashOption(description="Name or short name; empty for all", required=False, default="", autocomplete=True),
    ) -> None:
        actor, where = self.context.actor(interaction), where_of(interaction)

        async def work() -> Told:
            chosen = (await known.find(self.context, CHARACTER, actor, character)).id if character.strip() else None
            count = len((await self._carry_out(interaction, channel.Deactivate(where, chosen))).events)
            return changed(interaction, f"{count} character{'s' if count > 1 else ''} deactivated here.")

        await answer(interaction, work, hidden=False)

    @group.subcommand(name="reset", description="Let characters forget what was said here so far")  # type: ignore[untyped-decorator]
    async def reset(self, interaction: Interaction) -> None:
        where = where_of(interaction)

        async def work() -> Told:
            await self._carry_out(interaction, channel.ResetContext(where))
            return Told("From here on characters see nothing of what was said here before. The messages themselves stay.")

        await answer(interaction, work, hidden=False)

    @group.subcommand(name="show", description="Who is activated here, and what is set")  # type: ignore[untyped-decorator]
    async def show(self, interaction: Interaction) -> None:
        await answer(interaction, lambda: self._shown(interaction))

    @group.subcommand(name="explain", description="Who answers here and why, and what stands in the way")  # type: ignore[untyped-decorator]
    async def explain(self, interaction: Interaction) -> None:
        async def work() -> str:
            return "\n".join(lines(await self._here(interaction), self.context.settings.bot_mention_char))

        await answer(interaction, work)

    @group.subcommand(name="edit", description="Change what is set for this channel: who speaks, how many, and when")  # type: ignore[untyped-decorator]
    async def edit(
        self,
        interaction: Interaction,
        field: str = SlashOption(description="One field; leave it out to see them all", required=False, default="", autocomplete=True),
        value: str = SlashOption(description="Its new value; leave it out for a form", required=False, default=""),
    ) -> None:
        await edit_sheet(self.editor, interaction, CHANNEL, sheets.id_of(interaction.channel_id or 0), field, value)

    @edit.on_autocomplete("field")  # type: ignore[untyped-decorator]
    async def suggest_field(self, interaction: Interaction, field: str) -> None:
        await interaction.response.send_autocomplete(field_choices(CHANNEL, self.context.actor(interaction), field))

    @activate.on_autocomplete("character")  # type: ignore[untyped-decorator]
    async def choose(self, interaction: Interaction, character: str) -> None:
        await interaction.response.send_autocomplete(known.suggestions(await self._known(interaction), character, editable=False))

    @deactivate.on_autocomplete("character")  # type: ignore[untyped-decorator]
    async def choose_active(self, interaction: Interaction, character: str) -> None:
        async with self.context.log.pool.connection() as connection:
            active = set(await channels.active_in(connection, where_of(interaction).channel_id))
        # Who speaks here is seen by everybody here: an unlisted one is suggested as well.
        here = [replace(one, listed=True) for one in await self._known(interaction) if one.id in active]
        await interaction.response.send_autocomplete(known.suggestions(here, character, editable=False))

    async def _shown(self, interaction: Interaction) -> Told:
        """Who is activated, what is set, and for whoever may change it the way to do so."""
        found = await self._here(interaction)
        here = ", ".join(f"**{one.name}** (`{one.slug}`)" for one in found.active) or "nobody; `/channel activate` changes that"
        item = await sheets.one(self.context.log, CHANNEL, self.context.actor(interaction), sheets.id_of(found.channel_id))
        told = [f"**{spec.shown.label}:** {text or '*not set*'}" for spec, text in editing.shown(item, everything=True)]
        edit = (row(button(custom_ids.EDIT.id(CHANNEL.name, item.id), "Edit", "blue")),) if item.editable else ()
        return Told("\n".join([f"Activated here: {here}.", *told]), edit)

    async def _here(self, interaction: Interaction) -> Here:
        """What holds in the channel a command was given in, with what Discord says of it."""
        place = interaction.client.place(interaction.channel_id or 0)  # type: ignore[attr-defined]  # it is our own client
        found = await look(
            self.context.log,
            interaction.channel_id or 0,
            guild_id=interaction.guild_id,
            parent_id=place.parent_id,
            asks=self.context.actor(interaction).user_id,
        )
        return replace(found, adult=place.adult, missing=lacking(interaction))  # of now, not as it was noted last

    async def _known(self, interaction: Interaction) -> list[Item]:
        return await known.items(self.context, CHARACTER, self.context.actor(interaction))

    async def _carry_out(self, interaction: Interaction, command: channel.ChannelCommand) -> Executed:
        """Carry it out with the person's permissions, and wait until it shows. Raises Rejected."""
        done = await execute(self.context.log, self.context.actor(interaction), command, key_of(interaction.id))
        await shown(self.context, done)
        return done


def lacking(interaction: Interaction) -> list[str]:
    """The permissions that the bot lacks where a command was given, as Discord says with it."""
    return [name for name in NEEDED if interaction.guild_id is not None and not getattr(interaction.app_permissions, name)]


def where_of(interaction: Interaction) -> channel.Where:
    """The channel a command was given in."""
    return channel.Where(interaction.channel_id or 0, interaction.guild_id, "discord")
