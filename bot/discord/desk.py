"""What slash commands can ask for: reads from the read models, appends to the log. Knows nothing of nextcord."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from bot.discord.roster import Roster
from engine import ids
from engine.actor import Actor, person
from engine.config import Settings
from engine.decide import channel, character
from engine.decide.channel import Where
from engine.decide.rejected import Rejected
from engine.events.character import CharacterCreated
from engine.execute import execute, undo
from engine.resources import typed
from engine.resources.kinds import CHARACTER
from engine.store import Log
from projections.models import channels
from projections.models.catalog import Character


@dataclass(slots=True)
class Desk:
    """Commands of people. `by` is always the person's id, `key` the interaction's: a repeat of it changes nothing."""

    log: Log
    roster: Roster
    settings: Settings

    def is_owner(self, user_id: int) -> bool:
        """Whether this person owns the bot (OWNER_IDS)."""
        return user_id in self.settings.owner_ids

    async def create(self, by: int, key: int, fields: Mapping[str, str]) -> CharacterCreated:
        """A new private character. Raises Rejected."""
        command = character.Create(ids.derived("character", "discord", key), fields)
        done = await execute(self.log, self._actor(by), command, _key(key), see=["catalog"])
        created = done.events[0]
        assert isinstance(created, CharacterCreated)
        return created

    async def find(self, by: int, text: str) -> Character:
        """The character this person means by a slug or name. Raises Rejected."""
        wanted = text.strip().removeprefix(self.settings.bot_mention_char).casefold()
        usable = await self.roster.usable_by(by)
        by_slug = [c for c in usable if c.slug == wanted]
        by_name = [c for c in usable if wanted in {n.casefold() for n in (c.name, *c.description.aliases)}]
        for found in by_slug + by_name:
            return found
        raise Rejected("There is no such character, or it is not yours to use. `/character list` shows who there is.")

    async def edit(self, by: int, key: int, text: str, field: str, value: str) -> Character:
        """Change one field of a character, by its key and typed text. Answers the character before. Raises Rejected."""
        found, spec = await self.find(by, text), CHARACTER.field(field)
        if spec is None:
            raise Rejected("A character has no such field. Choose one of those that are suggested.")
        try:
            changes = {spec.key: typed.read(spec, value)}
        except typed.Wrong as wrong:
            raise Rejected(str(wrong)) from None
        await self._change(by, key, character.Edit(found.id, changes))
        return found

    async def alias(self, by: int, key: int, text: str, alias: str, *, remove: bool) -> Character:
        """Give a character another name, or take one away. Raises Rejected."""
        found = await self.find(by, text)
        await self._change(by, key, (character.RemoveAlias if remove else character.AddAlias)(found.id, alias))
        return found

    async def delete(self, by: int, key: int, text: str, confirmed: str) -> Character:
        """Delete a character when its short name was typed again. Raises Rejected, before that with what a deletion does."""
        found = await self.find(by, text)
        if confirmed.strip() != found.slug:
            raise Rejected(
                f"This deletes **{found.name}**: it answers no more and its short name becomes free. It can be taken back until somebody "
                f"else takes that name. To delete it, give `confirm` as `{found.slug}`."
            )
        await self._change(by, key, character.Delete(found.id))
        return found

    async def take_back(self, by: int, key: int, change: str) -> None:
        """Take a change back by the number it was answered with. Raises Rejected."""
        wanted = change.strip()
        if not (wanted.isascii() and wanted.isdigit() and len(wanted) <= 20):
            raise Rejected("Give the number that the change was answered with.")
        await undo(self.log, self._actor(by), _key(int(wanted)), _key(key), see=["catalog"])

    async def _change(self, by: int, key: int, command: character.CharacterCommand) -> None:
        if not (await execute(self.log, self._actor(by), command, _key(key), see=["catalog"])).events:
            raise Rejected("Nothing changed: it is so already.")

    async def activate(self, by: int, key: int, where: Where, text: str, permissions: frozenset[str]) -> Character:
        """Raises Rejected."""
        found = await self.find(by, text)
        await execute(self.log, self._actor(by, permissions), channel.Activate(where, found.id), _key(key), see=["channels"])
        return found

    async def deactivate(self, by: int, key: int, where: Where, text: str, permissions: frozenset[str]) -> int:
        """One character, or all when `text` is empty; answers how many. Raises Rejected."""
        chosen = (await self.find(by, text)).id if text.strip() else None
        command = channel.Deactivate(where, chosen)
        return len((await execute(self.log, self._actor(by, permissions), command, _key(key), see=["channels"])).events)

    async def reset(self, by: int, key: int, where: Where, permissions: frozenset[str]) -> None:
        """Let prompts see nothing of the channel from before. Raises Rejected."""
        await execute(self.log, self._actor(by, permissions), channel.ResetContext(where), _key(key), see=["history"])

    def _actor(self, user_id: int, permissions: frozenset[str] = frozenset()) -> Actor:
        return person(user_id, owner=self.is_owner(user_id), permissions=permissions)

    async def active(self, where: Where) -> list[UUID]:
        """Who is activated in a channel."""
        async with self.log.pool.connection() as connection:
            return await channels.active_in(connection, where.channel_id)


def _key(interaction_id: int) -> UUID:
    return ids.derived("discord interaction", interaction_id)
