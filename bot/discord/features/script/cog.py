"""`/script`: regex scripts of a character or of this server (I14)."""

import nextcord
from nextcord import SlashOption

from bot import scripts
from bot.discord.answers import Choices, Interaction, Told
from bot.discord.attached import content
from bot.discord.context import key_of
from bot.discord.features.declare import UNCHANGED, Cog, answering, command_group, suggesting
from bot.discord.features.undo.press import changed, shown
from engine.decide.craft.script import RemoveScript
from engine.decide.rejected import Rejected
from engine.execute import Executed
from engine.resources.craft.script import ScriptScope, ScriptSheet

WHO = SlashOption(description="A character of yours; empty for this server", required=False, default="", autocomplete=True)
NAME = SlashOption(description="The script's name")
OF = {"replies": "replies", "what people say": "user", "lorebook entries": "lore"}
HOLDS = {"what the model reads and what is shown": "both", "what the model reads": "prompt", "what is shown": "shown"}
SHOWN = 25


class ScriptCog(Cog):
    """The commands."""

    @command_group("script", "Regex scripts: find and replace in prompts and replies")
    async def group(self, interaction: Interaction) -> None:
        """Only its sub-commands can be called."""

    @answering("set", "Add a script, or change the one of that name", under=group)
    async def set_(
        self,
        interaction: Interaction,
        name: str = NAME,
        find: str = SlashOption(description="A pattern, once; or /pattern/gi for every match"),
        replace: str = SlashOption(description="{{match}} is what was found, $1 its first group", required=False, default=""),
        of: str = SlashOption(description="Whose words", required=False, default="replies", choices=OF),
        changes: str = SlashOption(description="What it changes", required=False, default="both", choices=HOLDS),
        character: str = WHO,
    ) -> Told:
        scope, target = await self._target(interaction, character)
        places = {place: "yes" if place == of else "no" for place in OF.values()}
        texts = {"find": find, "replace": replace, "holds": changes, **places}
        actor = self.context.actor(interaction)
        return await self._done(interaction, await scripts.put(self.context.log, actor, scope, target, name, texts, key_of(interaction.id)))

    @answering("remove", "Remove a script", under=group)
    async def remove(self, interaction: Interaction, name: str = NAME, character: str = WHO) -> Told:
        scope, target = await self._target(interaction, character)
        return await self._done(interaction, await self.do(interaction, RemoveScript(scope, target, name)))

    @answering("list", "List the scripts of a character or this server, in the order in which they run", under=group)
    async def list_(self, interaction: Interaction, character: str = WHO) -> Told:
        found = await self._sheets(interaction, character)
        return Told("\n".join(map(_line, found[:SHOWN])) or "There are no scripts. `/script set` adds one.")

    @answering("test", "Show what the scripts make of a text, without saying it", under=group)
    async def test(
        self, interaction: Interaction, text: str = SlashOption(description="What somebody might say"), character: str = WHO
    ) -> Told:
        rows = scripts.trial(await self._sheets(interaction, character), text)
        return Told("\n".join(f"**{label}**: {made or '(nothing)'}" for label, made in rows))

    @answering("import", "Bring scripts in from a file of SillyTavern's: one, a list, or a card's", under=group)
    async def import_(self, interaction: Interaction, file: nextcord.Attachment, character: str = WHO) -> Told:
        scope, target = await self._target(interaction, character)
        found = await scripts.read_file(await content(file, scripts.MOST_BYTES))
        done = await scripts.add(self.context.log, self.context.actor(interaction), scope, target, found, key_of(interaction.id))
        return await self._done(interaction, done, [f"{len(found.sheets)} scripts came in.", *found.notes[:SHOWN]])

    async def _done(self, interaction: Interaction, done: Executed, lines: list[str] | None = None) -> Told:
        if not done.events:
            raise Rejected("\n".join([*(lines or []), UNCHANGED]))
        await shown(self.context, done)
        return changed(interaction, "\n".join([*(lines or []), "It holds from the next reply on. `/script list` shows it."]))

    async def _sheets(self, interaction: Interaction, character: str) -> tuple[ScriptSheet, ...]:
        return await scripts.sheets_of(self.context.log, *await self._target(interaction, character))

    async def _target(self, interaction: Interaction, character: str) -> tuple[ScriptScope, str]:
        """What is meant. Raises Rejected."""
        if character:
            item = await self.find(interaction, character)
            if not item.editable:
                raise Rejected("Only its owners see and change the scripts of a character.")
            return "character", str(item.id)
        if interaction.guild_id is None:
            raise Rejected("There is no server here. Say which character.")
        return "guild", str(interaction.guild_id)

    @suggesting("character", set_, remove, list_, test, import_)
    async def suggest_character(self, interaction: Interaction, character: str) -> Choices:
        return await self.suggest(interaction, character, editable=True)


def _line(sheet: ScriptSheet) -> str:
    of = ", ".join(label for label, place in OF.items() if getattr(sheet, place))
    off = " (off)" if sheet.disabled else ""
    return f"**{sheet.name}**{off}: `{sheet.find[:100]}` → `{sheet.replace[:100]}` in {of}; {sheet.holds}"
