"""`/memory`: what is noted, corrected, locked and forgotten; incognito and fresh (D9, D10)."""

from datetime import UTC, datetime
from typing import Literal, cast
from uuid import UUID

import nextcord
from nextcord import SlashOption

from bot import remembering
from bot.discord.answers import Interaction, Told, answer
from bot.discord.context import Context, key_of
from bot.discord.features.resources import known
from bot.discord.features.undo.press import changed, shown
from bot.discord.limits import CHOICES
from engine import clock, ids
from engine.decide.rejected import Rejected
from engine.decide.remembering import memory as rules
from engine.decide.remembering.dreaming import UndoDream
from engine.decide.remembering.memory import MemoryCommand, MemoryPlace
from engine.events.memory import Reach, Session
from engine.execute import execute
from engine.resources.kinds import CHARACTER

WHICH = SlashOption(description="Which memory: its name, or some words of it", autocomplete=True)
WHOM = SlashOption(description="Only with this character; empty for all", required=False, default="", autocomplete=True)
WHERE = SlashOption(
    description="Where it is met besides your private talk",
    required=False,
    default="channel",
    choices={"in this channel": "channel", "in this server": "server", "everywhere": "everywhere"},
)
UNTIL = SlashOption(description="For how long, or end it", choices=["30m", "1h", "4h", "until ended", "end"])
PAGE = SlashOption(description="Which page", required=False, default=1, min_value=1, max_value=500)
SINCE = SlashOption(description="How far back", choices=["5m", "15m", "1h", "24h"])


class MemoryCog(nextcord.ClientCog):
    """The commands. Everything here is seen by the person alone."""

    def __init__(self, context: Context) -> None:
        self.context = context

    @nextcord.slash_command(name="memory", description="What characters remember of you")  # type: ignore[untyped-decorator]
    async def group(self, interaction: Interaction) -> None:
        """Only its sub-commands can be called."""

    @group.subcommand(name="remember", description="Have something remembered about you")  # type: ignore[untyped-decorator]
    async def remember(
        self,
        interaction: Interaction,
        text: str = SlashOption(description="What to remember", max_length=rules.LONGEST),
        character: str = WHOM,
        where: str = WHERE,
    ) -> None:
        async def work() -> Told:
            whom = await self._character(interaction, character)
            place = MemoryPlace("discord", interaction.channel_id, interaction.guild_id, whom)
            memory = ids.derived("memory", interaction.id)
            await self._do(interaction, rules.Remember(memory, self._user(interaction), place, text, cast("Reach", where)))
            return changed(interaction, "It is remembered.")

        await answer(interaction, work)

    @group.subcommand(name="browse", description="List what is noted about you")  # type: ignore[untyped-decorator]
    async def browse(
        self,
        interaction: Interaction,
        page: int = SlashOption(description="Which page", required=False, default=1, min_value=1, max_value=500),
    ) -> None:
        async def work() -> str:
            found = await remembering.notes(self.context.log, self._user(interaction))
            return remembering.listed(found, first=(page - 1) * remembering.SHOWN)

        await answer(interaction, work)

    @group.subcommand(name="search", description="Find notes about you by their words")  # type: ignore[untyped-decorator]
    async def search(self, interaction: Interaction, words: str = SlashOption(description="All of these words")) -> None:
        async def work() -> str:
            return remembering.listed(await remembering.notes(self.context.log, self._user(interaction), words=words))

        await answer(interaction, work)

    @group.subcommand(name="view", description="Show a memory with where it comes from")  # type: ignore[untyped-decorator]
    async def view(self, interaction: Interaction, which: str = WHICH) -> None:
        async def work() -> str:
            note = await remembering.find(self.context.log, self._user(interaction), which)
            return await remembering.viewed(self.context.log, note)

        await answer(interaction, work)

    @group.subcommand(name="edit", description="Correct a memory: the old one is never met again")  # type: ignore[untyped-decorator]
    async def edit(
        self, interaction: Interaction, which: str = WHICH, text: str = SlashOption(description="What is right", max_length=rules.LONGEST)
    ) -> None:
        async def work() -> Told:
            await self._do(interaction, rules.Correct(await self._which(interaction, which), text))
            return changed(interaction, "Corrected. What it said before, and what that came from, is not met again.")

        await answer(interaction, work)

    @group.subcommand(name="lock", description="Let nothing but you change a memory, or end that")  # type: ignore[untyped-decorator]
    async def lock(
        self,
        interaction: Interaction,
        which: str = WHICH,
        locked: bool = SlashOption(description="Locked or not", required=False, default=True),
    ) -> None:
        async def work() -> Told:
            await self._do(interaction, rules.LockMemory(await self._which(interaction, which), locked))
            return changed(interaction, "Locked." if locked else "Unlocked.")

        await answer(interaction, work)

    @group.subcommand(name="delete", description="Forget a memory and everything made of it, for good")  # type: ignore[untyped-decorator]
    async def delete(self, interaction: Interaction, which: str = WHICH) -> None:
        async def work() -> str:
            await self._do(interaction, rules.ForgetMemory(await self._which(interaction, which)))
            return "Forgotten for good, with everything made of it."

        await answer(interaction, work)

    @group.subcommand(name="forget", description="Forget what you said and were answered lately")  # type: ignore[untyped-decorator]
    async def forget(self, interaction: Interaction, last: str = SINCE, character: str = WHOM) -> None:
        async def work() -> str:
            since = clock.now() - remembering.span(last)
            await self._forget_since(interaction, since, await self._character(interaction, character))
            return f"The last {last} are forgotten for good. The messages themselves stay in the channel."

        await answer(interaction, work)

    @group.subcommand(name="purge", description="Forget everything you ever said to a character, or to all")  # type: ignore[untyped-decorator]
    async def purge(
        self,
        interaction: Interaction,
        sure: bool = SlashOption(description="Yes, for good: this cannot be taken back"),
        character: str = WHOM,
    ) -> None:
        async def work() -> str:
            if not sure:
                raise Rejected("Nothing was forgotten.")
            await self._forget_since(interaction, datetime(2015, 1, 1, tzinfo=UTC), await self._character(interaction, character))
            return "Everything is forgotten for good, but what you locked. The messages themselves stay in their channels."

        await answer(interaction, work)

    @group.subcommand(name="incognito", description="Let nothing you say be remembered for a while")  # type: ignore[untyped-decorator]
    async def incognito(self, interaction: Interaction, time: str = UNTIL, character: str = WHOM) -> None:
        await self._session(interaction, "incognito", time, character)

    @group.subcommand(name="fresh", description="Be answered without memories for a while")  # type: ignore[untyped-decorator]
    async def fresh(self, interaction: Interaction, time: str = UNTIL, character: str = WHOM) -> None:
        await self._session(interaction, "fresh", time, character)

    @group.subcommand(name="reach", description="How far what you say is remembered")  # type: ignore[untyped-decorator]
    async def reach(
        self,
        interaction: Interaction,
        where: str = SlashOption(description="Besides your private talk", choices={"in its channel": "channel", "in its server": "server"}),
        derive: bool = SlashOption(description="Make facts and summaries of it", required=False, default=True),
    ) -> None:
        async def work() -> Told:
            chosen = cast("Literal['channel', 'server']", where)
            await self._do(interaction, rules.ChooseReach(self._user(interaction), chosen, derive))
            return changed(interaction, await self._status(interaction))

        await answer(interaction, work)

    @group.subcommand(name="status", description="What is remembered of you, and what runs")  # type: ignore[untyped-decorator]
    async def status(self, interaction: Interaction) -> None:
        async def work() -> str:
            return await self._status(interaction)

        await answer(interaction, work)

    @group.subcommand(name="dreams", description="What was hidden because another memory says the same")  # type: ignore[untyped-decorator]
    async def dreams(self, interaction: Interaction) -> None:
        """Only its sub-commands can be called."""

    @dreams.subcommand(name="show", description="List what was hidden, and what says the same")  # type: ignore[untyped-decorator]
    async def dreams_show(self, interaction: Interaction) -> None:
        async def work() -> str:
            return remembering.told(await remembering.dreamed(self.context.log, self._user(interaction)))

        await answer(interaction, work)

    @dreams.subcommand(name="undo", description="Bring back what one of them hid")  # type: ignore[untyped-decorator]
    async def dreams_undo(self, interaction: Interaction, which: str = SlashOption(description="Its name, from the list")) -> None:
        async def work() -> str:
            found = await remembering.find_dream(self.context.log, self._user(interaction), which)
            if found.undone:
                return "It was taken back before."
            await self._do(interaction, UndoDream(found.dream))
            return "Taken back: what it hid is there again."

        await answer(interaction, work)

    @view.on_autocomplete("which")  # type: ignore[untyped-decorator]
    @edit.on_autocomplete("which")  # type: ignore[untyped-decorator]
    @lock.on_autocomplete("which")  # type: ignore[untyped-decorator]
    @delete.on_autocomplete("which")  # type: ignore[untyped-decorator]
    async def choose(self, interaction: Interaction, which: str) -> None:
        found = await remembering.notes(self.context.log, self._user(interaction), words=which)
        await interaction.response.send_autocomplete({remembering.line(note)[:100]: note.memory.hex for note in found[:CHOICES]})

    @remember.on_autocomplete("character")  # type: ignore[untyped-decorator]
    @forget.on_autocomplete("character")  # type: ignore[untyped-decorator]
    @purge.on_autocomplete("character")  # type: ignore[untyped-decorator]
    @incognito.on_autocomplete("character")  # type: ignore[untyped-decorator]
    @fresh.on_autocomplete("character")  # type: ignore[untyped-decorator]
    async def choose_character(self, interaction: Interaction, character: str) -> None:
        items = await known.items(self.context, CHARACTER, self.context.actor(interaction))
        await interaction.response.send_autocomplete(known.suggestions(items, character, editable=False))

    async def _session(self, interaction: Interaction, kind: Session, time: str, character: str) -> None:
        async def work() -> Told:
            whom, now, person = await self._character(interaction, character), clock.now(), self._user(interaction)
            if time == "end":
                await self._do(interaction, rules.End(person, kind, now, whom))
                return changed(interaction, await self._status(interaction))
            until = None if time == "until ended" else now + remembering.span(time)
            session = ids.derived("session", interaction.id)
            await self._do(interaction, rules.Begin(person, session, kind, now, until, whom))
            return changed(interaction, await self._status(interaction))

        await answer(interaction, work)

    async def _forget_since(self, interaction: Interaction, since: datetime, character: UUID | None) -> None:
        await self._do(interaction, rules.ForgetSpan(self._user(interaction), since, clock.now(), character))

    def _user(self, interaction: Interaction) -> int:
        return self.context.actor(interaction).user_id

    async def _status(self, interaction: Interaction) -> str:
        items = await known.items(self.context, CHARACTER, self.context.actor(interaction))
        return await remembering.status(self.context.log, self._user(interaction), {item.id: item.name for item in items})

    async def _character(self, interaction: Interaction, text: str) -> UUID | None:
        if not text.strip():
            return None
        return (await known.find(self.context, CHARACTER, self.context.actor(interaction), text)).id

    async def _which(self, interaction: Interaction, text: str) -> UUID:
        return (await remembering.find(self.context.log, self._user(interaction), text)).memory

    async def _do(self, interaction: Interaction, command: MemoryCommand | UndoDream) -> None:
        """Carry it out and wait until it shows. Raises Rejected."""
        await shown(self.context, await execute(self.context.log, self.context.actor(interaction), command, key_of(interaction.id)))
