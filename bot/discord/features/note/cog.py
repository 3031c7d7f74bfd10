"""`/note`: the author's note of a character or of this channel (I4), and ready-made rules for it (I5)."""

from collections.abc import Mapping

import nextcord
from nextcord import SlashOption

from bot import editing
from bot.discord.answers import Interaction, Told, answer
from bot.discord.context import Context, key_of
from bot.discord.features.resources import known
from bot.discord.features.undo.press import changed, shown
from bot.notes import sheet_of
from engine.decide.craft.note import SetNote
from engine.decide.rejected import Rejected
from engine.execute import execute
from engine.resources.craft.kinds import CRAFT
from engine.resources.craft.note import DIRECTIVES, NoteScope
from engine.resources.field import values
from engine.resources.kinds import CHARACTER, typed

WHO = SlashOption(description="A character of yours; empty for this channel", required=False, default="", autocomplete=True)


class NoteCog(nextcord.ClientCog):
    """The commands."""

    def __init__(self, context: Context) -> None:
        self.context = context

    @nextcord.slash_command(name="note", description="A note and rules for every prompt of a character or this channel")  # type: ignore[untyped-decorator]
    async def group(self, interaction: Interaction) -> None:
        """Only its sub-commands can be called."""

    @group.subcommand(name="set", description="Set the note that stands between the messages of every prompt")  # type: ignore[untyped-decorator]
    async def set_(
        self,
        interaction: Interaction,
        text: str = SlashOption(description="What it says; - for nothing"),
        character: str = WHO,
        every: int = SlashOption(description="1: always; 5: each fifth message", required=False, default=1, min_value=0, max_value=1000),
        depth: int = SlashOption(description="Messages after it; 0: last", required=False, default=4, min_value=0, max_value=999),
    ) -> None:
        texts = {"text": "" if text.strip() == "-" else text, "every": str(every), "depth": str(depth)}
        await answer(interaction, lambda: self._carry_out(interaction, character, texts))

    @group.subcommand(name="rule", description="Switch a ready-made rule on or off")  # type: ignore[untyped-decorator]
    async def rule(
        self,
        interaction: Interaction,
        rule: str = SlashOption(description="Which", choices={name: name for name in DIRECTIVES}),
        on: bool = SlashOption(description="Off: it holds no more", required=False, default=True),
        character: str = WHO,
    ) -> None:
        async def work() -> Told:
            scope, target = await self._target(interaction, character)
            now = [name for name in (await sheet_of(self.context.log, scope, target)).directives if name != rule]
            return await self._carry_out(interaction, character, {"directives": "\n".join([*now, *([rule] if on else [])])})

        await answer(interaction, work)

    @group.subcommand(name="show", description="Show the note and the rules of a character or this channel")  # type: ignore[untyped-decorator]
    async def show(self, interaction: Interaction, character: str = WHO) -> None:
        async def work() -> Told:
            scope, target = await self._target(interaction, character)
            sheet = await sheet_of(self.context.log, scope, target)
            rules = "\n".join(f"**{name}**: {DIRECTIVES[name]}" for name in sheet.directives if name in DIRECTIVES)
            note = f"{sheet.text}\n(every {sheet.every}, {sheet.depth} messages before the end)" if sheet.text else "There is no note."
            return Told(f"{note}\n{rules or 'No ready-made rule is on.'}")

        await answer(interaction, work)

    async def _carry_out(self, interaction: Interaction, character: str, texts: Mapping[str, str]) -> Told:
        scope, target = await self._target(interaction, character)
        before = values(await sheet_of(self.context.log, scope, target))
        after, wrong = typed(CRAFT, before, texts)
        for sentence in wrong.values():
            raise Rejected(sentence)
        command = SetNote(scope, target, editing.changes(before, after))
        done = await execute(self.context.log, self.context.actor(interaction), command, key_of(interaction.id))
        if not done.events:
            raise Rejected("Nothing changed: it is so already.")
        await shown(self.context, done)
        return changed(interaction, "It holds from the next reply on. `/note show` shows it.")

    async def _target(self, interaction: Interaction, character: str) -> tuple[NoteScope, str]:
        if not character:
            return "channel", str(interaction.channel_id)
        return "character", str((await known.find(self.context, CHARACTER, self.context.actor(interaction), character)).id)

    @set_.on_autocomplete("character")  # type: ignore[untyped-decorator]
    async def choose_noted(self, interaction: Interaction, character: str) -> None:
        await self._suggest(interaction, character)

    @rule.on_autocomplete("character")  # type: ignore[untyped-decorator]
    async def choose_ruled(self, interaction: Interaction, character: str) -> None:
        await self._suggest(interaction, character)

    @show.on_autocomplete("character")  # type: ignore[untyped-decorator]
    async def choose_shown(self, interaction: Interaction, character: str) -> None:
        await self._suggest(interaction, character)

    async def _suggest(self, interaction: Interaction, typed_: str) -> None:
        items = await known.items(self.context, CHARACTER, self.context.actor(interaction))
        await interaction.response.send_autocomplete(known.suggestions(items, typed_, editable=True))
