"""Conversations made up from templates, for timing and for learning: ours to ship, and about nobody."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from worker.memory.index import Memory

_PEOPLE: Final = ("Ilse", "Bram", "Noor", "Teo", "Wanda", "Yuki", "Omar", "Greta")
_THINGS: Final = (
    "kayak", "guitar", "telescope", "bakery", "harbour", "orchard", "museum", "bicycle", "lighthouse", "greenhouse", "piano",
    "tent", "workshop", "canyon", "library", "ferry", "market", "compass", "sculpture", "vineyard", "observatory", "aquarium",
    "theatre", "sailboat", "quilt", "garden", "violin", "camera", "kettle", "lantern", "pottery", "chess", "mountain",
)  # fmt: skip
_DOINGS: Final = (
    "repaired", "visited", "painted", "bought", "lost", "found", "sold", "borrowed", "cleaned", "photographed", "described",
    "built", "rented", "carried", "measured", "admired", "forgot",
)  # fmt: skip
_PLACES: Final = (
    "Lisbon", "Bergen", "Kyoto", "Quito", "Tartu", "Galway", "Oaxaca", "Hobart", "Tromso", "Split", "Ghent", "Perth", "Cusco",
    "Turku", "Bari", "Leeds",
)  # fmt: skip
_WHENS: Final = ("yesterday", "last week", "two weeks ago", "last Friday", "on 3 May", "in June", "last year", "this morning")
_MOODS: Final = (
    "which was calming",
    "and it rained",
    "with my sister",
    "and I laughed a lot",
    "though it cost too much",
    "after the storm",
)
_CHAT: Final = (
    "That sounds great, tell me more!",
    "How did that go for you?",
    "Thanks, that means a lot to me.",
    "I was thinking about you today.",
    "What are you up to this weekend?",
    "No way, really?",
)


def memories(count: int, seed: int = 7) -> Iterator[Memory]:
    """`count` turns of two people at a time, 12 to 30 turns a conversation, a day apart."""
    rng = random.Random(seed)
    at, left, pair = datetime(2022, 1, 3, 9, tzinfo=UTC), 0, list(_PEOPLE[:2])
    for number in range(count):
        if left == 0:
            at, left, pair = at + timedelta(hours=20), rng.randint(12, 30), rng.sample(_PEOPLE, 2)
        at, left = at + timedelta(seconds=40), left - 1
        yield Memory(f"m{number:06d}", turn(rng), at, pair[number % 2], thread="generated")


def turn(rng: random.Random) -> str:
    if rng.random() < 0.35:
        return rng.choice(_CHAT)
    first = f"I {rng.choice(_DOINGS)} the {rng.choice(_THINGS)} in {rng.choice(_PLACES)} {rng.choice(_WHENS)}, {rng.choice(_MOODS)}."
    second = f" The {rng.choice(_THINGS)} {rng.choice(_DOINGS)} near the {rng.choice(_THINGS)} reminded me of {rng.choice(_PEOPLE)}."
    return first + (second if rng.random() < 0.6 else "") + (" Have you been there?" if rng.random() < 0.2 else "")


def questions(count: int, seed: int = 8) -> Iterator[str]:
    rng = random.Random(seed)
    for _ in range(count):
        who, what, where = rng.choice(_PEOPLE), rng.choice(_THINGS), rng.choice(_PLACES)
        form = rng.choice(("When did {0} go to the {1} in {2}?", "What did {0} say about the {1}?", "Who was with {0} in {2} at the {1}?"))
        yield form.format(who, what, where)
