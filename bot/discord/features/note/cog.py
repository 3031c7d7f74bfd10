"""`/note`: the author's note of a character or of this channel (I4), and ready-made rules for it (I5). `/notebook`: its own."""

from collections.abc import Mapping
from uuid import UUID

from nextcord import SlashOption

from bot import editing, notebooks
from bot.discord.answers import Choices, Interaction, Told
from bot.discord.features.declare import UNCHANGED, Cog, answering, command_group, suggesting
from bot.discord.features.undo.press import changed
from bot.notes import sheet_of
from engine.decide.craft import notebook
from engine.decide.craft.note import SetNote
from engine.decide.craft.notebook import AddNote, StrikeNote
from engine.decide.rejected import Rejected
from engine.resources.craft.directives import DIRECTIVES, NotADirective, directive
from engine.resources.craft.kinds import CRAFT
from engine.resources.craft.note import NoteScope
from engine.resources.field import values
from engine.resources.kinds import typed

WHO = SlashOption(description="A character of yours; empty for this channel", required=False, default="", autocomplete=True)


WHOSE = SlashOption(description="Whose notebook", autocomplete=True)


class NotebookCog(Cog):
    """`/notebook`: what a character noted for itself of whoever asks, in this channel."""

    @command_group("notebook", "What a character noted for itself of you in this channel")
    async def group(self, interaction: Interaction) -> None:
        """Only its sub-commands can be called."""

    @answering("show", "Show what a character noted of you here", under=group)
    async def show(self, interaction: Interaction, character: str = WHOSE) -> Told:
        found = await notebooks.of(self.context.log, *await self._which(interaction, character))
        lines = "\n".join(f"{number}: {text}" for number, text in found.notes)
        return Told(lines or "It has noted nothing of you here. It needs *notes* among its tools: `/character edit`.")

    @answering("add", "Write a note of yours into a character's notebook", under=group)
    async def add(
        self,
        interaction: Interaction,
        text: str = SlashOption(description="What it should have noted", max_length=notebook.LONGEST),
        character: str = WHOSE,
    ) -> Told:
        await self.do(interaction, AddNote(*await self._which(interaction, character), text))
        return changed(interaction, "Noted. It reads that when it looks into its notebook.")

    @answering("strike", "Strike a note out", under=group)
    async def strike(
        self,
        interaction: Interaction,
        number: int = SlashOption(description="Which, by its number in /notebook show", min_value=1, max_value=1_000_000),
        character: str = WHOSE,
    ) -> Told:
        await self.do(interaction, StrikeNote(*await self._which(interaction, character), number))
        return changed(interaction, f"Note {number} is struck out.")

    async def _which(self, interaction: Interaction, character: str) -> tuple[UUID, int, int, int | None]:
        found = await self.find(interaction, character)
        assert interaction.channel_id is not None
        assert interaction.user is not None
        return found.id, interaction.channel_id, interaction.user.id, interaction.guild_id

    @suggesting("character", show, add, strike)
    async def suggest_character(self, interaction: Interaction, character: str) -> Choices:
        return await self.suggest(interaction, character)


class NoteCog(Cog):
    """The commands."""

    @command_group("note", "A note and rules for every prompt of a character or this channel")
    async def group(self, interaction: Interaction) -> None:
        """Only its sub-commands can be called."""

    @answering("set", "Set the note that stands between the messages of every prompt", under=group)
    async def set_(
        self,
        interaction: Interaction,
        text: str = SlashOption(description="What it says; - for nothing"),
        character: str = WHO,
        every: int = SlashOption(description="1: always; 5: each fifth message", required=False, default=1, min_value=0, max_value=1000),
        depth: int = SlashOption(description="Messages after it; 0: last", required=False, default=4, min_value=0, max_value=999),
    ) -> Told:
        texts = {"text": "" if text.strip() == "-" else text, "every": str(every), "depth": str(depth)}
        return await self._carry_out(interaction, character, texts)

    @answering("rule", "Switch a ready-made rule on or off", under=group)
    async def rule(
        self,
        interaction: Interaction,
        rule: str = SlashOption(description="Which", choices={name: name for name in DIRECTIVES}),
        on: bool = SlashOption(description="Off: it holds no more", required=False, default=True),
        character: str = WHO,
        when: str = SlashOption(description="always; every 3; drift; or /a pattern/i in the message", required=False, default=""),
    ) -> Told:
        scope, target = await self._target(interaction, character)
        now = [one for one in (await sheet_of(self.context.log, scope, target)).directives if one.partition(":")[0].strip() != rule]
        wished = f"{rule}: {when.strip()}" if when.strip() else rule
        return await self._carry_out(interaction, character, {"directives": "\n".join([*now, *([wished] if on else [])])})

    @answering("show", "Show the note and the rules of a character or this channel", under=group)
    async def show(self, interaction: Interaction, character: str = WHO) -> Told:
        scope, target = await self._target(interaction, character)
        sheet = await sheet_of(self.context.log, scope, target)
        rules = "\n".join(map(_told, sheet.directives))
        note = f"{sheet.text}\n(every {sheet.every}, {sheet.depth} messages before the end)" if sheet.text else "There is no note."
        return Told(f"{note}\n{rules or 'No ready-made rule is on.'}")

    async def _carry_out(self, interaction: Interaction, character: str, texts: Mapping[str, str]) -> Told:
        scope, target = await self._target(interaction, character)
        before = values(await sheet_of(self.context.log, scope, target))
        after, wrong = typed(CRAFT, before, texts)
        for sentence in wrong.values():
            raise Rejected(sentence)
        command = SetNote(scope, target, editing.changes(before, after))
        await self.do(interaction, command, unchanged=UNCHANGED)
        return changed(interaction, "It holds from the next reply on. `/note show` shows it.")

    async def _target(self, interaction: Interaction, character: str) -> tuple[NoteScope, str]:
        if not character:
            return "channel", str(interaction.channel_id)
        return "character", str((await self.find(interaction, character)).id)

    @suggesting("character", set_, rule, show)
    async def suggest_character(self, interaction: Interaction, character: str) -> Choices:
        return await self.suggest(interaction, character, editable=True)


def _told(text: str) -> str:
    """A rule that is on, with its condition."""
    try:
        one = directive(text)
    except NotADirective:
        return text
    return f"**{one.name}**{'' if one.when == 'always' else f' ({one.when})'}: {DIRECTIVES[one.name]}"
