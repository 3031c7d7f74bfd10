"""Every knob of the ranking, in one frozen value. A weight of 0 switches a part off; the same configuration gives the same ranking."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from worker.memory.words import Language

Part = Literal[
    "lexical", "dense", "late", "late_own", "speaker", "question", "first_person", "names", "number", "when", "date", "waypoint", "recency",
]  # fmt: skip


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Reach(Frozen):
    """How much of the evidence around a row counts for it. A turn is what one speaker says before another does: `same` for the other
    messages of its own turn, `back` for the turns before, `forward` for those after, nearest first. `answer` replaces back[0] when
    the turn before asks something: the words that find an answer often stand in its question."""

    same: float = 0.5
    back: tuple[float, ...] = (0.8, 0.5)
    forward: tuple[float, ...] = (0.6, 0.3)
    answer: float = 1.1


class Lexical(Frozen):
    """BM25 (Robertson and Zaragoza 2009) with each term's weight spread over neighbouring turns; scaled to the best a question can get."""

    weight: float = 4.0
    k1: float = Field(0.6, ge=0)
    b: float = Field(0.3, ge=0, le=1)
    reach: Reach | None = Reach()


class Dense(Frozen):
    """Cosine of text vectors. Centred: the mean memory is taken away from both sides, so what all have in common decides nothing."""

    weight: float = 1.5
    centred: bool = True
    reach: Reach | None = Reach(same=0.3, back=(0.3, 0.15), forward=(0.25, 0.1), answer=0.6)


class Late(Frozen):
    """MaxSim over token vectors (Khattab and Zaharia 2020), each question token weighted by its rarity, for the best candidates.
    `weight` for evidence spread over neighbours, `own` for the turn's own words, `rarity` the power to which rarity is raised."""

    weight: float = 10.0
    own: float = 2.5
    rarity: float = Field(1.3, ge=0)
    candidates: int = Field(48, ge=1, le=4096)
    reach: Reach = Reach()


class Signs(Frozen):
    """Traits of a memory whatever the question (`question`, `first_person`), and those a question calls for (`names`, `number`, `when`)."""

    speaker: float = 1.0
    question: float = -0.4
    first_person: float = 0.2
    names: float = 0.4
    number: float = 1.0
    when: float = 0.4


class Dates(Frozen):
    """Closeness of a memory's time, or of a time it speaks of, to the time a question names. `days` is the distance at which it is 1/e."""

    weight: float = 2.5
    days: float = Field(7.0, gt=0)


class Widen(Frozen):
    """A message with few content words is searched together with the user's turns before it."""

    below: int = Field(6, ge=0, description="Content words under which a statement is widened (a question: 2); 0 never widens.")
    turns: int = Field(3, ge=0)
    share: float = Field(0.5, ge=0, le=1, description="Weight of the turns before against the message itself.")


class RecallConfig(Frozen):
    strategy: Literal["linear", "rrf", "openmemory"] = "linear"
    language: Language = "english"
    longest: int = Field(1200, ge=100, description="Characters of a question that are embedded, counted from its end.")
    most_terms: int = Field(48, ge=1, description="Terms, and tokens, of a question that are searched for: the rarest.")
    lexical: Lexical = Lexical()
    dense: Dense = Dense()
    late: Late = Late()
    signs: Signs = Signs()
    dates: Dates = Dates()
    widen: Widen = Widen()
    waypoint: float = Field(0.0, description="Weight of evidence from memories that share an entity.")
    recency: float = Field(0.0, description="Weight of recency: exp(-age / recency_days). Recall changes nothing, so age is all there is.")
    recency_days: float = Field(30.0, gt=0)
    gap_hours: float = Field(6.0, gt=0, description="A longer pause ends a conversation: evidence does not spread across it.")
    rrf_k: int = Field(60, ge=1)
    fusion: dict[Part, float] | None = Field(None, description="Learned factors on the weights above; parts left out keep 1.")
