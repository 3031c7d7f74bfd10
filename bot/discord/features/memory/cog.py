"""`/memory`: what is noted, corrected, locked and forgotten; incognito and fresh (D9, D10)."""

from datetime import UTC, datetime
from typing import Literal, cast
from uuid import UUID

from nextcord import SlashOption

from bot import remembering
from bot.discord.answers import Choices, Interaction, Told
from bot.discord.context import key_of
from bot.discord.features.declare import Cog, answering, command_group, suggesting
from bot.discord.features.resources import known
from bot.discord.features.undo.press import changed
from bot.discord.limits import CHOICE, CHOICES
from engine import clock, ids
from engine.decide.rejected import Rejected
from engine.decide.remembering import memory as rules
from engine.decide.remembering.dreaming import UndoDream
from engine.decide.remembering.memory import MemoryPlace
from engine.events.memory import Reach, Session
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
SUGGESTED = 500
"""The latest memories that are looked through while somebody types."""
PAGE = SlashOption(description="Which page", required=False, default=1, min_value=1, max_value=500)
SINCE = SlashOption(description="How far back", choices=["5m", "15m", "1h", "24h"])


class MemoryCog(Cog):
    """The commands. Everything here is seen by the person alone."""

    @command_group("memory", "What characters remember of you")
    async def group(self, interaction: Interaction) -> None:
        """Only its sub-commands can be called."""

    @answering("remember", "Have something remembered about you", under=group)
    async def remember(
        self,
        interaction: Interaction,
        text: str = SlashOption(description="What to remember", max_length=rules.LONGEST),
        character: str = WHOM,
        where: str = WHERE,
    ) -> Told:
        whom = await self.whose(interaction, character)
        place = MemoryPlace("discord", interaction.channel_id, interaction.guild_id, whom)
        memory = ids.derived("memory", interaction.id)
        await self.do(interaction, rules.Remember(memory, self._user(interaction), place, text, cast("Reach", where)))
        return changed(interaction, "It is remembered.")

    @answering("browse", "List what is noted about you", under=group)
    async def browse(
        self,
        interaction: Interaction,
        page: int = SlashOption(description="Which page", required=False, default=1, min_value=1, max_value=500),
    ) -> str:
        found = await remembering.notes(self.context.log, self._user(interaction))
        return remembering.listed(found, first=(page - 1) * remembering.SHOWN)

    @answering("search", "Find notes about you by their words", under=group)
    async def search(self, interaction: Interaction, words: str = SlashOption(description="All of these words")) -> str:
        return remembering.listed(await remembering.notes(self.context.log, self._user(interaction), words=words))

    @answering("view", "Show a memory with where it comes from", under=group)
    async def view(self, interaction: Interaction, which: str = WHICH) -> str:
        note = await remembering.find(self.context.log, self._user(interaction), which)
        return await remembering.viewed(self.context.log, note)

    @answering("edit", "Correct a memory: the old one is never met again", under=group)
    async def edit(
        self, interaction: Interaction, which: str = WHICH, text: str = SlashOption(description="What is right", max_length=rules.LONGEST)
    ) -> Told:
        await self.do(interaction, rules.Correct(await self._which(interaction, which), text))
        return changed(interaction, "Corrected. What it said before, and what that came from, is not met again.")

    @answering("lock", "Let nothing but you change a memory, or end that", under=group)
    async def lock(
        self,
        interaction: Interaction,
        which: str = WHICH,
        locked: bool = SlashOption(description="Locked or not", required=False, default=True),
    ) -> Told:
        await self.do(interaction, rules.LockMemory(await self._which(interaction, which), locked))
        return changed(interaction, "Locked." if locked else "Unlocked.")

    @answering("lock-all", "Lock or unlock all that is noted about you, or what holds some words", under=group)
    async def lock_all(
        self,
        interaction: Interaction,
        words: str = SlashOption(description="Only those with all of these words", required=False, default=""),
        locked: bool = SlashOption(description="Locked or not", required=False, default=True),
    ) -> Told:
        found, key = await remembering.notes(self.context.log, self._user(interaction), words=words), key_of(interaction.id)
        told = await remembering.lock_all(self.context.log, self.context.actor(interaction), found, key, locked=locked)
        return Told(told) if told.startswith("0 ") else changed(interaction, told)

    @answering("delete", "Forget a memory and everything made of it, for good", under=group)
    async def delete(self, interaction: Interaction, which: str = WHICH) -> str:
        await self.do(interaction, rules.ForgetMemory(await self._which(interaction, which)))
        return "Forgotten for good, with everything made of it."

    @answering("forget", "Forget what you said and were answered lately", under=group)
    async def forget(self, interaction: Interaction, last: str = SINCE, character: str = WHOM) -> str:
        since = clock.now() - remembering.span(last)
        await self._forget_since(interaction, since, await self.whose(interaction, character))
        return f"The last {last} are forgotten for good. The messages themselves stay in the channel."

    @answering("purge", "Forget everything you ever said to a character, or to all", under=group)
    async def purge(
        self,
        interaction: Interaction,
        sure: bool = SlashOption(description="Yes, for good: this cannot be taken back"),
        character: str = WHOM,
    ) -> str:
        if not sure:
            raise Rejected("Nothing was forgotten.")
        await self._forget_since(interaction, datetime(2015, 1, 1, tzinfo=UTC), await self.whose(interaction, character))
        return "Everything is forgotten for good, but what you locked. The messages themselves stay in their channels."

    @answering("incognito", "Let nothing you say be remembered for a while", under=group)
    async def incognito(self, interaction: Interaction, time: str = UNTIL, character: str = WHOM) -> Told:
        return await self._session(interaction, "incognito", time, character)

    @answering("fresh", "Be answered without memories for a while", under=group)
    async def fresh(self, interaction: Interaction, time: str = UNTIL, character: str = WHOM) -> Told:
        return await self._session(interaction, "fresh", time, character)

    @answering("reach", "How far what you say is remembered", under=group)
    async def reach(
        self,
        interaction: Interaction,
        where: str = SlashOption(description="Besides your private talk", choices={"in its channel": "channel", "in its server": "server"}),
        derive: bool = SlashOption(description="Make facts and summaries of it", required=False, default=True),
    ) -> Told:
        chosen = cast("Literal['channel', 'server']", where)
        await self.do(interaction, rules.ChooseReach(self._user(interaction), chosen, derive))
        return changed(interaction, await self._status(interaction))

    @answering("stats", "How many memories of you there are, of which kind and with whom", under=group)
    async def stats(self, interaction: Interaction, character: str = WHOM) -> str:
        whom = await self.whose(interaction, character)
        items = await known.items(self.context, CHARACTER, self.context.actor(interaction))
        found = await remembering.notes(self.context.log, self._user(interaction), character=whom)
        return remembering.counted(found, {item.id: item.name for item in items})

    @answering("status", "What is remembered of you, and what runs", under=group)
    async def status(self, interaction: Interaction) -> str:
        return await self._status(interaction)

    @command_group("dreams", "What was hidden because another memory says the same", under=group)
    async def dreams(self, interaction: Interaction) -> None:
        """Only its sub-commands can be called."""

    @answering("show", "List what was hidden, and what says the same", under=dreams)
    async def dreams_show(self, interaction: Interaction) -> str:
        return remembering.told(await remembering.dreamed(self.context.log, self._user(interaction)))

    @answering("undo", "Bring back what one of them hid", under=dreams)
    async def dreams_undo(self, interaction: Interaction, which: str = SlashOption(description="Its name, from the list")) -> str:
        found = await remembering.find_dream(self.context.log, self._user(interaction), which)
        if found.undone:
            return "It was taken back before."
        await self.do(interaction, UndoDream(found.dream))
        return "Taken back: what it hid is there again."

    @suggesting("which", view, edit, lock, delete)
    async def choose(self, interaction: Interaction, which: str) -> Choices:
        found = await remembering.notes(self.context.log, self._user(interaction), words=which, most=SUGGESTED)
        return {remembering.line(note)[:CHOICE]: note.memory.hex for note in found[:CHOICES]}

    @suggesting("character", remember, stats, forget, purge, incognito, fresh)
    async def choose_character(self, interaction: Interaction, character: str) -> Choices:
        return await self.suggest(interaction, character)

    async def _session(self, interaction: Interaction, kind: Session, time: str, character: str) -> Told:
        whom, now, person = await self.whose(interaction, character), clock.now(), self._user(interaction)
        if time == "end":
            await self.do(interaction, rules.End(person, kind, now, whom))
            return changed(interaction, await self._status(interaction))
        until = None if time == "until ended" else now + remembering.span(time)
        session = ids.derived("session", interaction.id)
        await self.do(interaction, rules.Begin(person, session, kind, now, until, whom))
        return changed(interaction, await self._status(interaction))

    async def _forget_since(self, interaction: Interaction, since: datetime, character: UUID | None) -> None:
        await self.do(interaction, rules.ForgetSpan(self._user(interaction), since, clock.now(), character))

    def _user(self, interaction: Interaction) -> int:
        return self.context.actor(interaction).user_id

    async def _status(self, interaction: Interaction) -> str:
        items = await known.items(self.context, CHARACTER, self.context.actor(interaction))
        return await remembering.status(self.context.log, self._user(interaction), {item.id: item.name for item in items})

    async def _which(self, interaction: Interaction, text: str) -> UUID:
        return (await remembering.find(self.context.log, self._user(interaction), text)).memory
