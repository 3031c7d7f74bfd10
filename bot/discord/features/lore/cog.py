"""`/lore`: lorebooks in and out, what they are attached to, new entries, and what a text wakes (I3)."""

from collections.abc import Sequence
from typing import get_args

import nextcord
from nextcord import SlashOption

from bot import lore
from bot.discord.answers import Choices, Interaction, Told
from bot.discord.attached import content
from bot.discord.context import key_of
from bot.discord.features.declare import Cog, answering, command_group, suggesting
from bot.discord.features.resources import known
from bot.discord.features.undo.press import changed
from bot.lore import OwnBook, Tried
from engine.decide.craft.lorebook import Attach, Delete, Detach, SetEntries
from engine.decide.rejected import Rejected
from engine.lore.book import LoreScope
from engine.resources.character import CharacterSheet
from engine.resources.kinds import CHARACTER
from projections.prompt.sections.character import Card

BOOK = SlashOption(description="Name or id of one of your lorebooks", autocomplete=True)
PLACE = SlashOption(
    description="Where it is looked at",
    choices={"this channel": "channel", "this server": "guild", "me": "person", "a character": "character", "everywhere": "everywhere"},
)
WHO = SlashOption(description="The character, where it is one", required=False, default="", autocomplete=True)
SHOWN = 25
"""Lines of a trial and of a list."""


class LoreCog(Cog):
    """The commands."""

    @command_group("lore", "Lorebooks: what conversations wake")
    async def group(self, interaction: Interaction) -> None:
        """Only its sub-commands can be called."""

    @answering("test", "Show what a text would wake, entry by entry, without saying it", under=group)
    async def test(
        self,
        interaction: Interaction,
        text: str = SlashOption(description="What somebody might say"),
        book: str = SlashOption(description="Only this lorebook", required=False, default="", autocomplete=True),
        character: str = WHO,
    ) -> Told:
        actor = self.context.actor(interaction)
        log = self.context.log
        found = [await lore.find(log, actor, book)] if book else await lore.books(log, actor)
        item = await known.find(self.context, CHARACTER, actor, character) if character else None
        card = Card(item.sheet.description) if item is not None and isinstance(item.sheet, CharacterSheet) else None
        return Told(_trial(lore.trial(found, text, card, interaction.user.display_name if interaction.user else "")))

    @answering("import", "Bring a lorebook in: a world of SillyTavern's, a card's, NovelAI's, Agnai's or Risu's", under=group)
    async def import_(self, interaction: Interaction, file: nextcord.Attachment) -> Told:
        actor = self.context.actor(interaction)
        found = await lore.read_file(await content(file, lore.MOST_BYTES), file.filename)
        await lore.make(self.context.log, actor, found, key_of(interaction.id))
        lines = [f"**{found.sheet.name}** came in from {found.kind} with {len(found.entries)} entries.", *found.notes[:SHOWN]]
        return changed(interaction, "\n".join([*lines, "`/lore attach` says where it is looked at."]))

    @answering("export", "Get a lorebook of yours as a file that SillyTavern reads", under=group)
    async def export(self, interaction: Interaction, book: str = BOOK) -> Told:
        found = await lore.find(self.context.log, self.context.actor(interaction), book)
        return Told(f"**{found.sheet.name}**", file=(f"{found.handle}.json", lore.file_of(found)))

    @answering("list", "List your lorebooks", under=group)
    async def list_(self, interaction: Interaction) -> Told:
        found = await lore.books(self.context.log, self.context.actor(interaction), entries=False)
        return Told(_listed(found))

    @answering("add", "Add an entry to a lorebook of yours", under=group)
    async def add(
        self,
        interaction: Interaction,
        book: str = BOOK,
        keys: str = SlashOption(description="Words that wake it, with commas between; empty: always on", required=False, default=""),
        text: str = SlashOption(description="What the model is told"),
    ) -> Told:
        log, actor = self.context.log, self.context.actor(interaction)
        found = await lore.find(log, actor, book)
        words = [key.strip() for key in keys.split(",") if key.strip()]
        form = {"keys": "\n".join(words), "content": text, "constant": "no" if words else "yes"}
        fields, wrong = lore.filled_in(None, form)
        for sentence in wrong.values():
            raise Rejected(sentence)
        entry = SetEntries(found.id, [{**fields, "uid": lore.next_uid(found)}])
        await lore.carry_out(log, actor, entry, key_of(interaction.id))
        return changed(interaction, f"**{found.sheet.name}** has {len(found.entries) + 1} entries now.")

    @answering("attach", "Let a lorebook of yours be looked at somewhere", under=group)
    async def attach(self, interaction: Interaction, book: str = BOOK, place: str = PLACE, character: str = WHO) -> Told:
        return await self._placed(interaction, book, place, character, Attach)

    @answering("detach", "Let a lorebook not be looked at there any more", under=group)
    async def detach(self, interaction: Interaction, book: str = BOOK, place: str = PLACE, character: str = WHO) -> Told:
        return await self._placed(interaction, book, place, character, Detach)

    async def _placed(self, interaction: Interaction, book: str, place: str, character: str, command: type[Attach] | type[Detach]) -> Told:
        log, actor = self.context.log, self.context.actor(interaction)
        found = await lore.find(log, actor, book)
        scope, target = await self._target(interaction, place, character)
        await lore.carry_out(log, actor, command(found.id, scope, target), key_of(interaction.id))
        return changed(interaction, f"**{found.sheet.name}** is {'' if command is Attach else 'not '}looked at there from now on.")

    async def _target(self, interaction: Interaction, place: str, character: str) -> tuple[LoreScope, str]:
        """The scope and its target. Raises Rejected."""
        scopes: dict[str, LoreScope] = {name: name for name in _SCOPES}
        scope = scopes.get(place)
        match scope:
            case "channel":
                return scope, str(interaction.channel_id)
            case "guild" if interaction.guild_id is not None:
                return scope, str(interaction.guild_id)
            case "person":
                return scope, str(self.context.actor(interaction).user_id)
            case "character" if character:
                return scope, str((await self.find(interaction, character)).id)
            case "everywhere":
                return scope, ""
        raise Rejected("Say which character." if scope == "character" else "There is no server here.")

    @answering("delete", "Delete a lorebook of yours", under=group)
    async def delete(self, interaction: Interaction, book: str = BOOK) -> Told:
        log, actor = self.context.log, self.context.actor(interaction)
        found = await lore.find(log, actor, book)
        await lore.carry_out(log, actor, Delete(found.id), key_of(interaction.id))
        return changed(interaction, f"Deleted **{found.sheet.name}** with {len(found.entries)} entries.")

    @suggesting("book", test, export, add, attach, detach, delete)
    async def suggest_book(self, interaction: Interaction, book: str) -> Choices:
        found = await lore.books(self.context.log, self.context.actor(interaction), entries=False)
        wanted = book.casefold()
        near = [one for one in found if wanted in one.sheet.name.casefold()][:SHOWN]
        return {f"{one.sheet.name[:80]} ({one.handle})": one.handle for one in near}

    @suggesting("character", test)
    async def suggest_speaker(self, interaction: Interaction, character: str) -> Choices:
        return await self.suggest(interaction, character)

    @suggesting("character", attach, detach)
    async def suggest_place(self, interaction: Interaction, character: str) -> Choices:
        return await self.suggest(interaction, character, editable=True)


_SCOPES: tuple[LoreScope, ...] = get_args(LoreScope)


def _listed(found: Sequence[OwnBook]) -> str:
    if not found:
        return "You have no lorebooks. `/lore import` brings one in; a card's own comes with its character."
    lines = [
        f"**{one.sheet.name}** ({one.handle}): {len(one.shelved.entries)} entries, looked at by "
        + (", ".join(scope for scope, _ in one.shelved.attached) or "nobody yet")
        for one in found
    ]
    return "\n".join([*lines[:SHOWN], *([f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else [])])


def _trial(tried: Sequence[Tried]) -> str:
    """A line for each entry, woken ones first."""
    if not tried:
        return "You have no lorebook with entries. `/lore import` brings one in."
    woken = [f"**{one.title}** is woken: {one.reason}, {one.tokens} tokens" for one in tried if one.woken]
    other = [f"{one.title} is not: {one.reason}" for one in tried if not one.woken]
    lines = [*woken, *other]
    more = [f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return "\n".join([f"{len(woken)} of {len(lines)} entries would be woken.", *lines[:SHOWN], *more])
