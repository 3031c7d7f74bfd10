"""Every button, select and form of ours, pressed one after the other under Discord's own description of what may be sent."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest

from bot.discord import custom_ids
from bot.discord.custom_ids import PRESSES
from bot.discord.features.resources import editor
from bot.editing import KINDS
from bot.sheets import EVERY, SHEETS
from engine.config import Settings
from tests.service.test_discord_poison import broken
from tests.service.test_discord_resources import Person, inputs, parts, seen
from tests.support import shapes
from tests.support.discord.client import NEXTCORD_WARNING
from tests.support.discord.core import Interaction
from tests.support.discord.errors import Json
from tests.support.discord.harness import Rig, staged
from tests.support.discord.validate import load, spec_path

pytestmark = pytest.mark.filterwarnings(NEXTCORD_WARNING)
PLACE, WHO = "general", "boss"
CAST = ("Lilith", "Ada", "Wren")
LAST = (
    custom_ids.UNDO,
    custom_ids.REPLY_DROP,
    custom_ids.DELETE,
    custom_ids.REPLY_DELETE,
    custom_ids.DELETE_ME,
    custom_ids.DELETE_ME_TYPED,
)
"""After these there is less to press."""
GOOD = {"name": "Mine", "model": "a/b", "info": "x", "traits": "y", "key": "sk-or-v1-abcdefghijklmnop", "confirm": "no"}
BAD = {"temperature": "hot", "slug": "No Slug!", "most": "99", "per_minute": "none"}


@dataclass
class Finger:
    """Presses whatever it is shown, each kind of thing once. `wrong` are presses that were not answered."""

    boss: Person
    pressed: set[tuple[str, ...]] = field(default_factory=set)
    wrong: dict[str, str] = field(default_factory=dict)
    due: list[tuple[Json, Json]] = field(default_factory=list)

    async def follow(self, shown: Iterable[Interaction]) -> None:
        """Press all that these lead to."""
        for one in shown:
            await self._see(one)
        while self.due:
            self.due.sort(key=lambda pair: PRESSES[_prefix(pair[1])] in LAST)
            message, part = self.due.pop(0)
            values = [str(option["value"]) for option in part.get("options", ())[-1:]]
            done = await self.boss.discord.click(PLACE, WHO, message, part["custom_id"], values)
            await self._see(await self.boss.discord.answered(done))

    async def _see(self, done: Interaction) -> None:
        if said := broken(done):
            self.wrong[str(done.payload["data"])[:200]] = said
        if done.modal is not None:
            await self._fill(done)
        elif done.messages or done.source is not None:
            message = seen(done)
            for part in parts(message):
                if "custom_id" in part and not part.get("disabled") and (mark := _mark(part)) not in self.pressed:
                    self.pressed.add(mark)
                    self.due.append((message, part))

    async def _fill(self, opened: Interaction) -> None:
        """Send a form, wrongly first where something wrong can be typed, then as it came."""
        fields = {str(item["custom_id"]): str(item.get("value") or "") for item in inputs(opened)}
        as_it_is = {key: text or GOOD.get(key, "") for key, text in fields.items()}
        mark = _mark(opened.modal or {})
        again = mark in self.pressed
        self.pressed.add(mark)
        for texts in (as_it_is | {key: BAD[last] for key in fields if (last := key.split(".")[-1]) in BAD}, as_it_is):
            if not again or texts is as_it_is:
                await self._see(await self.boss.fill(opened, **{key.replace(".", "__"): text for key, text in texts.items()}))


def _prefix(part: Json) -> str:
    return str(part["custom_id"]).split(":")[0]


def _mark(part: Json) -> tuple[str, ...]:
    """What is pressed once: of dashboards that of each kind."""
    prefix, *texts = str(part["custom_id"]).split(":")
    kinds = (custom_ids.KIND, custom_ids.ANY)
    return (prefix, *(text for one, text in zip(PRESSES[prefix].parts, texts, strict=True) if one in kinds))


async def test_every_button_select_and_form_is_as_discord_has_it(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each one that is registered is met, pressed and answered, and every exchange is one that Discord's OpenAPI allows."""
    monkeypatch.setattr(editor, "SELECT_OPTIONS", len(CAST) - 1)  # so that a list has two pages
    async with staged(settings, lambda turn: "fine, thank you", *CAST, owner=WHO) as stage, stage.bot():
        path = spec_path()
        stage.discord.spec = load(path) if path else None
        finger = Finger(Person(stage.discord, WHO))
        await finger.follow(await _beginnings(stage, finger.boss))
        assert finger.wrong == {}
        assert {prefix for prefix, *_ in finger.pressed} == set(PRESSES)
        assert {kinds[0] for prefix, *kinds in finger.pressed if prefix == custom_ids.FORM.prefix} == set(EVERY)
        assert stage.discord.violations == []


async def _beginnings(stage: Rig, boss: Person) -> list[Interaction]:
    """What people run that leads to all the others."""
    said = await stage.discord.say(PLACE, WHO, "@Lilith hello")
    [reply] = await stage.discord.wait_reply(PLACE, said)
    commands = [f"{kind} {does}" for kind in KINDS for does in ("create", "browse")] + [f"{kind} edit" for kind in SHEETS]
    found = [await boss.run(command) for command in (*commands, "settings apikey", "me delete")]
    found.append(await boss.run("character delete", character="lilith"))
    found.append(await boss.run("character import", file=("mochi.zip", shapes.zipped(shapes.raw()))))
    opened = await stage.discord.answered(await stage.discord.on_message(PLACE, WHO, "Edit reply", reply["id"]))
    await boss.fill(opened, text="In other words.")  # a second version, so that there are steps between them
    menus = [await stage.discord.on_message(PLACE, WHO, menu, reply["id"]) for menu in ("Edit reply", "Report", "Versions")]
    return [*found, *[await stage.discord.answered(menu) for menu in menus]]
