"""Random configurations: models with what is said about their prices, limits, presets and people, and a second opinion on who may what."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from engine import ids
from engine.events import SYSTEM_SUBJECT, Event, Tags
from engine.events.character import CharacterCreated, Description
from engine.events.model import CatalogueFetched, ModelOverridden, Offered
from engine.events.preset import Parameters, PresetCreated
from engine.events.quota import BudgetSet, LimitsChanged
from engine.store import NewEvent

OWNER = 1
Kind = Literal["guest", "keyed", "refused", "removed", "losing", "owner", "operator"]
"""Refused: the provider did not take the key; losing: it is about to; operator: who sits in the playground."""
KINDS: tuple[Kind, ...] = ("guest", "guest", "guest", "guest", "keyed", "keyed", "refused", "removed", "losing", "owner", "operator")
PRICES = (None, None, 0.0, 0.0, 1e-6)
ENDINGS = ("", "", ":free", ":free", ":online", ":free:online", "-free", "/free")

Price = tuple[float | None, float | None]


@dataclass(frozen=True, slots=True)
class Market:
    """What a stretch of turns has in common. `names` lead to the price that holds: the override's, field by field, else the catalogue's."""

    prices: Mapping[str, Price]
    listed: Mapping[str, Price]
    overridden: Mapping[str, Price]
    free_models: tuple[str, ...]
    guests_may_spend: bool
    keyless: bool
    free_preset: tuple[str, ...]
    budget: float | None

    def surely_free(self, model: str) -> bool:
        """The sentence of docs/models.md, said a second time: at no price that is known, or by its name where none is known."""
        known = [price for price in self.prices.get(model, (None, None)) if price is not None]
        if any(known):
            return False
        return len(known) == 2 or model.endswith(":free") or model in self.free_models


def market(chance: random.Random, number: int) -> Market:
    """One drawn at random, with model names that no other has."""
    names = [f"r{number}/m{n}{chance.choice(ENDINGS)}" for n in range(12)]
    listed = {name: _price(chance) for name in names if chance.random() < 0.7}
    overridden = {name: _price(chance) for name in names if chance.random() < 0.3}
    empty: Price = (None, None)
    prices = {name: _over(overridden.get(name, empty), listed.get(name, empty)) for name in names}
    return Market(
        prices=prices,
        listed=listed,
        overridden=overridden,
        free_models=tuple(chance.sample(names, k=chance.randint(0, 3))),
        guests_may_spend=chance.random() < 0.1,
        keyless=chance.random() < 0.1,
        free_preset=tuple(chance.sample(names, k=chance.randint(1, 2))),
        budget=chance.choice([None, None, None, 0.0, 0.01]),
    )


def _price(chance: random.Random) -> Price:
    price = chance.choice(PRICES)
    return (price, price if chance.random() < 0.7 else chance.choice(PRICES))


def _over(one: Price, other: Price) -> Price:
    return (other[0] if one[0] is None else one[0], other[1] if one[1] is None else one[1])


def opening(made: Market, limits: LimitsChanged) -> list[NewEvent]:
    """What the operator says for this stretch."""
    changed = limits.model_copy(update={"free_models": made.free_models, "guests_may_spend": made.guests_may_spend})
    offers = tuple(Offered(id=name, price_in=a, price_out=b) for name, (a, b) in made.listed.items())
    free = PresetCreated(
        preset_id=ids.random_id(),
        owner_id=None,
        model=made.free_preset[0],
        fallback_models=made.free_preset[1:],
        is_global=True,
        is_default=False,
        is_free_default=True,
        name="Free",
    )
    said: list[tuple[Event, str]] = [
        (changed, "limits"),
        (BudgetSet(scope="system", daily=made.budget, set_by=OWNER), "budgets"),
        (CatalogueFetched(provider="local", sha256="0", models=offers), "catalogue:local"),
        *(
            (ModelOverridden(model=name, price_in=a, price_out=b, set_by=OWNER), f"model:{name}")
            for name, (a, b) in made.overridden.items()
        ),
    ]
    return [
        *(NewEvent(event, stream=stream, id=ids.random_id()) for event, stream in said),
        NewEvent(free, stream=f"preset:{free.preset_id}", id=ids.random_id(), subjects=(SYSTEM_SUBJECT,)),
    ]


def configuration(chance: random.Random, names: Sequence[str]) -> tuple[UUID, tuple[str, ...], list[NewEvent]]:
    """(character, its models, what makes it): one to three models, sampling, and an `extra` that tries to smuggle others in."""
    models = tuple(chance.sample(list(names), k=chance.randint(1, 3)))
    extra = {"models": list(names), "model": chance.choice(list(names))} if chance.random() < 0.3 else {}
    preset = PresetCreated(
        preset_id=ids.random_id(),
        owner_id=None,
        model=models[0],
        fallback_models=models[1:],
        is_global=chance.random() < 0.5,
        is_default=False,
        parameters=Parameters.model_validate(
            {"temperature": chance.choice([None, 0.3, 1.1]), "max_tokens": chance.choice([None, 50]), "extra": extra}
        ),
        stream=chance.random() < 0.8,
        name="Any",
    )
    character = CharacterCreated(
        character_id=ids.random_id(),
        owner_id=None,
        slug=f"c-{ids.random_id().hex[:20]}",
        visibility="public",
        preset_id=preset.preset_id,
        description=Description(name="Any"),
    )
    made = [
        NewEvent(preset, stream=f"preset:{preset.preset_id}", id=ids.random_id(), subjects=(SYSTEM_SUBJECT,)),
        NewEvent(
            character,
            stream=f"character:{character.character_id}",
            id=ids.random_id(),
            tags=Tags(character=character.character_id),
            subjects=(SYSTEM_SUBJECT,),
        ),
    ]
    return character.character_id, models, made
