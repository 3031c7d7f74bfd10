"""`/channel`: who answers everything said here."""

from dataclasses import replace

from nextcord import SlashOption

from bot import editing, sheets
from bot.discord import custom_ids
from bot.discord.answers import Choices, Interaction, Told
from bot.discord.components import button, row
from bot.discord.features.declare import Cog, answering, bare, command_group, suggesting
from bot.discord.features.resources import known
from bot.discord.features.resources.cog import edit_sheet, field_choices
from bot.discord.features.resources.editor import Editor
from bot.discord.features.undo.press import changed
from bot.editing import Item
from bot.explain import CONFIRM_RESET, NEEDED, RESET, Here, lines, look, names_of, silence
from engine.decide import channel
from engine.decide.rejected import Rejected
from engine.resources.kinds import CHANNEL, CHARACTER
from projections.models import channels


class ChannelCog(Cog):
    """The commands."""

    def __init__(self, editor: Editor) -> None:
        super().__init__(editor.context)
        self.editor = editor

    @command_group("channel", "Who answers in this channel")
    async def group(self, interaction: Interaction) -> None:
        """Only its sub-commands can be called."""

    @answering("activate", "A character answers everything said here", under=group, hidden=False)
    async def activate(
        self, interaction: Interaction, character: str = SlashOption(description="Name or short name", autocomplete=True)
    ) -> Told:
        where = where_of(interaction)
        found = await self.find(interaction, character)
        await self.do(interaction, channel.Activate(where, found.id))
        lacks = f"\n⚠️ I lack {names_of(missing)} here; `/channel explain` says more." if (missing := lacking(interaction)) else ""
        return changed(interaction, f"**{found.name}** answers everything said here now. `/channel deactivate` ends it.{lacks}")

    @answering("deactivate", "Stop one character, or all, from answering here", under=group, hidden=False)
    async def deactivate(
        self,
        interaction: Interaction,
        character: str = SlashOption(description="Name or short name; empty for all", required=False, default="", autocomplete=True),
    ) -> Told:
        where = where_of(interaction)
        chosen = await self.whose(interaction, character)
        count = len((await self.do(interaction, channel.Deactivate(where, chosen))).events)
        return changed(interaction, f"{count} character{'s' if count > 1 else ''} deactivated here.")

    @answering("reset", "Start this channel anew: nobody activated, nothing set, nothing said before seen", under=group, hidden=False)
    async def reset(self, interaction: Interaction, confirm: str = SlashOption(description=f"Type {CONFIRM_RESET} to confirm")) -> Told:
        if confirm.strip().casefold() != CONFIRM_RESET:
            raise Rejected(f"Nothing was changed. Type `{CONFIRM_RESET}` to confirm. `/history clear` only lets characters forget.")
        await self.do(interaction, channel.Reset(where_of(interaction)))
        return changed(interaction, f"{RESET} The messages themselves stay.")

    @answering("show", "Who is activated here, and what is set", under=group)
    async def show(self, interaction: Interaction) -> Told:
        return await self._shown(interaction)

    @answering("explain", "Who answers here and why, and what stands in the way", under=group)
    async def explain(self, interaction: Interaction) -> str:
        return "\n".join(lines(await self._here(interaction), self.context.settings.bot_mention_char))

    @bare("edit", "Change what is set for this channel: who speaks, how many, and when", under=group)
    async def edit(
        self,
        interaction: Interaction,
        field: str = SlashOption(description="One field; leave it out to see them all", required=False, default="", autocomplete=True),
        value: str = SlashOption(description="Its new value; leave it out for a form", required=False, default=""),
    ) -> None:
        await edit_sheet(self.editor, interaction, CHANNEL, sheets.id_of(interaction.channel_id or 0), field, value)

    @suggesting("field", edit)
    async def suggest_field(self, interaction: Interaction, field: str) -> Choices:
        return field_choices(CHANNEL, self.context.actor(interaction), field)

    @suggesting("character", activate)
    async def choose(self, interaction: Interaction, character: str) -> Choices:
        return await self.suggest(interaction, character)

    @suggesting("character", deactivate)
    async def choose_active(self, interaction: Interaction, character: str) -> Choices:
        async with self.context.log.pool.connection() as connection:
            active = set(await channels.active_in(connection, where_of(interaction).channel_id))
        # Who speaks here is seen by everybody here: an unlisted one is suggested as well.
        here = [replace(one, listed=True) for one in await self._known(interaction) if one.id in active]
        return known.suggestions(here, character, editable=False)

    async def _shown(self, interaction: Interaction) -> Told:
        """Who is activated, what is set, and for whoever may change it the way to do so."""
        found = await self._here(interaction)
        quiet = {one.id: silence(found, one.id) for one in found.active}
        named = [f"**{one.name}** (`{one.slug}`" + (f", silent {quiet[one.id]})" if quiet[one.id] else ")") for one in found.active]
        here = ", ".join(named) or "nobody; `/channel activate` changes that"
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


def lacking(interaction: Interaction) -> list[str]:
    """The permissions that the bot lacks where a command was given, as Discord says with it."""
    return [name for name in NEEDED if interaction.guild_id is not None and not getattr(interaction.app_permissions, name)]


def where_of(interaction: Interaction) -> channel.Where:
    """The channel a command was given in."""
    return channel.Where(interaction.channel_id or 0, interaction.guild_id, "discord")
