"""The characters a face keeps in memory: read as they change, never longer known than they may be."""

from collections.abc import AsyncIterator, Iterable
from uuid import UUID

import pytest

from bot import characters
from bot.characters import Characters
from engine import ids
from engine.config import Settings
from engine.events.base import Tags
from engine.events.character import CharacterDeleted
from engine.store import NewEvent
from engine.store.codec import ERASED
from tests.support.discord import StandinDiscord
from tests.support.discord.client import NEXTCORD_WARNING
from tests.support.discord.harness import Rig, rig

pytestmark = pytest.mark.filterwarnings(NEXTCORD_WARNING)


@pytest.fixture
async def stage(settings: Settings) -> AsyncIterator[Rig]:
    async with StandinDiscord.start() as discord, rig(settings, discord, lambda _: None) as running:
        yield running


async def test_characters_are_read_as_they_change(stage: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new one is found, a deleted one is not; and a look at what nobody changed opens nothing."""
    known = Characters(stage.log)
    assert [c.slug for c in await known.all()] == ["brine", "ottoline", "wren"]
    ada = await stage.character("Ada", owner=7, visibility="private")
    cast = await known.refresh()
    assert (cast.named("ada", 7), cast.named("ada", 8), (await known.names())[ada]) == (ada, None, "Ada")
    opened: list[set[str]] = []
    keys = stage.log.vault.keys

    async def counted(names: Iterable[str]) -> object:
        wanted = set(names)
        opened.extend([wanted] if wanted else [])  # the stand-in for the worker reads beside this, mostly nothing
        return await keys(wanted)

    monkeypatch.setattr(stage.log.vault, "keys", counted)
    assert await known.refresh() is cast
    assert opened == []
    await stage.character("Bea")
    opened.clear()
    await known.refresh()
    assert opened == [{"system"}]
    gone = NewEvent(
        CharacterDeleted(character_id=ada, owner_id=7, slug="ada", deleted_by=7),
        f"character:{ada}",
        ids.random_id(),
        Tags(user=7, character=ada),
    )
    await stage.settle((await stage.log.append(gone)).positions[-1])
    assert (await known.refresh()).named("ada", 7) is None
    assert [c.slug for c in await known.all()] == ["bea", "brine", "ottoline", "wren"]


async def test_an_erased_persons_character_vanishes_from_memory(stage: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within ERASED_S of the destruction of the key, although the read model did not change."""
    ada: UUID = await stage.character("Ada", owner=7)
    known = Characters(stage.log)
    assert (await known.refresh()).named("ada", 8) == ada
    await stage.log.vault.destroy("user:7")
    monkeypatch.setattr(characters, "ERASED_S", 0.0)
    assert (await known.refresh()).named("ada", 8) is None
    assert ((await known.names())[ada], known.get(ada)) == (ERASED, None)
    assert characters.ERASED_S <= 60
