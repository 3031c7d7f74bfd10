"""What macros in texts that people wrote for prompts stand for (I14): descriptions, lorebook entries, notes. Pure.

A number that is drawn is made of the turn and the name of the draw, and kept on the record of its section: whoever builds the prompt again
takes it from there. Variables that a description sets can be read in lorebooks and notes of the same prompt, and by itself in the next
prompt of the conversation; what those set is their own.
"""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from engine.events.turn import Roll
from engine.macros.expand import Meanings, expand
from engine.resources.character import Description
from projections.prompt.section import Scene

SOMEBODY = "the other person"
"""Stands for `{{user}}`. Never a name: it would be different for each person, and a person's own choice of words in the system message."""
PREFIX = "macro:"
"""Begins the names of what macros draw, on the record."""
VARIABLE, OUTLET = "var:", "outlet:"
"""Begin the names under which sections offer variables and outlets to others."""
KEPT, CHAT = "kept:", "chat"
"""Begins the names under which what earlier prompts of the conversation left is offered; and that of where a fork began."""
_SINGLE = re.compile(r"(?<!\{)\{(user|char|character|assistant|shape|personality)\}(?!\})")
MOST_KEPT, LONGEST_KEPT, LONGEST_NAME = 100, 1_000, 100
"""Variables that a conversation keeps (of more, none), characters of each, and of its name."""
_DECIDED = {"original": ""}
"""What has a meaning in other programs and none here."""


@dataclass(slots=True)
class Dice:
    """Numbers for the draws of one section. `recorded` are those of a prompt that is built again."""

    seed: str
    recorded: Mapping[str, float] = field(default_factory=dict)
    drawn: dict[str, float] = field(default_factory=dict)

    def draw(self, what: str) -> float:
        """A number in [0, 1): the one on the record, else one made of the seed and the name. The same name gives the same number."""
        if what not in self.drawn:
            known = self.recorded.get(what)
            self.drawn[what] = random.Random(f"{self.seed}:{what}").random() if known is None else known
        return self.drawn[what]

    def rolls(self) -> tuple[Roll, ...]:
        """What was drawn, in its order."""
        return tuple(Roll(what=what, value=value) for what, value in self.drawn.items())


def of_rolls(seed: str, rolls: tuple[Roll, ...]) -> Dice:
    """Dice that give what was recorded where something was."""
    return Dice(seed, {roll.what: roll.value for roll in rolls if roll.what.startswith(PREFIX)})


@dataclass(slots=True)
class Writer:
    """Expands the macros of one character's prompt. `variables` are changed by what it expands."""

    scene: Scene
    about: Description | None
    variables: dict[str, str] = field(default_factory=dict)
    outlets: bool = True

    def of(self, text: str, where: str) -> str:
        """The text with its macros replaced. `where` names its draws; it holds no words of anybody."""
        if "{" not in text:
            return text
        outlets = {f"{OUTLET}:{name.removeprefix(OUTLET)}": words for name, words in self.scene.offered.items() if name.startswith(OUTLET)}
        meanings = Meanings(
            now=self.scene.now,
            values=_values(self.about, self.scene),
            draw=lambda what: self.scene.draw(f"{PREFIX}{where}:{what}"),
            chat=self.scene.offered.get(CHAT, str(self.scene.channel)),
            local=self.variables,
            named=outlets if self.outlets else {},
        )
        return expand(_SINGLE.sub(lambda found: "{{user}}" if found[1] == "user" else "{{char}}", text), meanings)


def writer(scene: Scene, about: Description | None, *, outlets: bool = True) -> Writer:
    """A writer that knows what the description set."""
    return Writer(scene, about, variables(scene), outlets)


def variables(scene: Scene, prefix: str = VARIABLE) -> dict[str, str]:
    """The variables that the description offers; those of KEPT are what it begins with."""
    return {name.removeprefix(prefix): value for name, value in scene.offered.items() if name.startswith(prefix)}


def left(offered: Mapping[str, str]) -> dict[str, str]:
    """What of the description's variables the next prompt of the conversation begins with: so many, and so much of each."""
    named = [(name.removeprefix(VARIABLE), value) for name, value in offered.items() if name.startswith(VARIABLE)]
    return {name: value[:LONGEST_KEPT] for name, value in named if len(name) <= LONGEST_NAME} if len(named) <= MOST_KEPT else {}


def at(scene: Scene, moment: datetime, seed: str) -> Scene:
    """The scene for a text that must stay what it was when it came: of that moment, with numbers of its own, without the last message."""
    told = {name: value for name, value in scene.offered.items() if not name.startswith("last")}
    return replace(scene, now=moment, draw=Dice(seed).draw, offered=told)


def _values(about: Description | None, scene: Scene) -> dict[str, str]:
    name = about.name if about else ""
    known = {"user": SOMEBODY, "char": name, "group": name, "charifnotgroup": name, "groupnotmuted": name, "notchar": SOMEBODY}
    if about is not None:
        known |= {"description": about.info, "personality": about.traits, "scenario": about.scenario, "mesexamples": about.examples}
        known |= {"charprompt": about.system_prompt, "charfirstmessage": about.greeting}
    said = {name: scene.offered[name] for name in ("lastmessage", "lastusermessage") if name in scene.offered}
    return known | _DECIDED | said
