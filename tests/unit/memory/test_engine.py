"""Ranking: each stage does what its configuration says, and whatever comes in, an answer comes out."""

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.unit.memory.support import START, WordEmbedder, index_of, memory
from worker.memory import edges, openmemory, view
from worker.memory.ask import Query, named_speaker
from worker.memory.config import Dates, Dense, Late, Lexical, Reach, RecallConfig, Signs, Widen
from worker.memory.embed import HttpEmbedder
from worker.memory.engine import NO_MODEL, NO_TOKENS, Engine, Recalled
from worker.memory.hot import decaying
from worker.memory.index import Index

ROOT = Path(__file__).resolve().parents[3]
CHAT = [
    memory(0, "I repaired the kayak in Bergen", "Ada"),
    memory(1, "Where did you buy the lantern?", "Bram"),
    memory(2, "At the market, for forty crowns", "Ada"),
    memory(3, "How lovely", "Bram"),
    memory(900, "My cousin Noor plays violin in Ghent", "Bram"),
    memory(901, "She practises every single day", "Bram"),
    memory(2000, "I saw the kayak again", "Bram"),
]


def ids(recalled: Recalled) -> list[str]:
    return [hit.id for hit in recalled.hits]


def ask(text: str, config: RecallConfig | None = None, recent: Sequence[str] = (), speaker: str = "", k: int = 3) -> Recalled:
    engine = Engine(WordEmbedder(), config)
    return engine.recall(index_of(engine, CHAT), Query(text, recent, speaker, START + timedelta(days=2)), k)


def test_the_answer_is_found_by_the_words_of_its_question() -> None:
    """ "At the market" shares no word with the question asked about the lantern, but the turn before it does."""
    assert ids(ask("Where did Ada buy the lantern?"))[0] == "m0002"


def test_without_reach_only_own_words_count() -> None:
    """The same question without neighbours finds the question, not the answer."""
    config = RecallConfig(
        lexical=Lexical(reach=None), dense=Dense(weight=0), late=Late(weight=0, own=0), signs=Signs(speaker=0, question=0)
    )
    assert ids(ask("buy lantern", config))[0] == "m0001"
    assert "m0002" not in [hit.id for hit in ask("buy lantern", config).hits if hit.parts.get("lexical")]


def test_evidence_does_not_cross_a_pause() -> None:
    """Turns of another conversation, hours later, get nothing from what was said before."""
    first = ask("lovely", RecallConfig(signs=Signs(question=0, first_person=0)), k=7)
    by_id = {hit.id: hit for hit in first.hits}
    assert by_id["m0002"].parts["lexical"] > 0
    assert "lexical" not in by_id["m0900"].parts


def test_who_is_named_is_preferred() -> None:
    """A question about Bram prefers what Bram said; "I" means whoever asks; of two names the first counts, unless it is about both."""
    assert ids(ask("Did Bram see a kayak?"))[0] == "m2000"
    by_bram = {one.id for one in CHAT if one.speaker == "Bram"}
    assert {hit.id for hit in ask("did I see a kayak?", speaker="Bram", k=7).hits if "speaker" in hit.parts} == by_bram
    assert {hit.id for hit in ask("did I see a kayak?", speaker="Zoe", k=7).hits if "speaker" in hit.parts} == set()
    assert {hit.id for hit in ask("what did Bram tell Ada?", speaker="Ada", k=7).hits if "speaker" in hit.parts} == by_bram
    assert {hit.id for hit in ask("what did Ada and Bram buy?", speaker="Ada", k=7).hits if "speaker" in hit.parts} == set()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("What did Noor's cousin say to Bram?", "Noor Ek"),
        ("What did Bram say to Noor?", "Bram"),
        ("What did Ek say?", None),
        ("Ek met Bram", None),
        ("Is it Bram or Noor?", None),
        ("my boat", "Zoe"),
        ("the boat", None),
    ],
)
def test_a_question_is_about_the_one_it_names_first(text: str, found: str | None) -> None:
    """Names are met word by word; a word that two people share names neither."""
    assert named_speaker(text, ["Noor Ek", "Bram", "Ida Ek", "Zoe"], "Zoe") == found


def test_parts_add_up_to_the_score() -> None:
    """Every hit says what its score is made of."""
    for hit in ask("Where did Ada buy the lantern last week?", k=7).hits:
        assert hit.score == pytest.approx(sum(hit.parts.values()), abs=1e-5)


def test_a_part_is_off_when_its_weight_is_zero() -> None:
    """Configuration alone decides which parts there are."""
    off = RecallConfig(
        lexical=Lexical(weight=0), dense=Dense(weight=0), late=Late(weight=0, own=0), dates=Dates(weight=0), signs=Signs(speaker=0)
    )
    named = {name for hit in ask("Where did Ada buy the lantern on 4 March 2024?", off, k=7).hits for name in hit.parts}
    assert named <= {"question", "first_person", "names", "number", "when"}
    everything = {name for hit in ask("Where did Ada buy the lantern on 4 March 2024?", k=7).hits for name in hit.parts}
    assert {"lexical", "dense", "late", "late_own", "date", "speaker", "question"} <= everything


def test_learned_factors_scale_parts() -> None:
    """`fusion` multiplies the parts it names and leaves the others."""
    plain, fused = ask("lantern", k=7), ask("lantern", RecallConfig(fusion={"lexical": 0.5}), k=7)
    by_id = {hit.id: hit for hit in fused.hits}
    for hit in plain.hits:
        assert by_id[hit.id].parts.get("lexical", 0) == pytest.approx(hit.parts.get("lexical", 0) / 2)
        assert by_id[hit.id].parts.get("dense", 0) == hit.parts.get("dense", 0)


def test_a_named_date_prefers_what_is_near_it() -> None:
    """Of two equal memories the one of the day asked for comes first."""
    engine = Engine(WordEmbedder())
    index = index_of(engine, [memory(0, "we ate soup"), memory(1, "we ate soup", minutes=60 * 24 * 30)])
    assert ids(engine.recall(index, Query("soup on 3 April 2024")))[0] == "m0001"
    assert ids(engine.recall(index, Query("soup on 4 March 2024")))[0] == "m0000"


def test_what_a_memory_says_of_time_counts_as_its_time() -> None:
    """A message of May that tells of "last month" is near April."""
    engine = Engine(WordEmbedder())
    late = 60 * 24 * 60
    index = index_of(engine, [memory(0, "we ate soup", minutes=late), memory(1, "we ate soup last month", minutes=late + 1)])
    assert ids(engine.recall(index, Query("soup in April 2024")))[0] == "m0001"


def test_recency_and_waypoints_are_off_until_weighted() -> None:
    """With recency weighted the newest of equals wins; reading changes nothing."""
    engine = Engine(WordEmbedder(), RecallConfig(recency=1.0))
    index = index_of(engine, [memory(0, "soup"), memory(9000, "soup")])
    first = engine.recall(index, Query("soup"))
    assert ids(first)[0] == "m9000"
    assert engine.recall(index, Query("soup")) == first
    assert decaying(0) == RecallConfig(), "MEMORY_DECAY_DAYS is off"
    assert decaying(0, centred=False).dense.centred is False, "MEMORY_CONTRASTIVE is off"
    assert ids(Engine(WordEmbedder(), decaying(30)).recall(index, Query("soup")))[0] == "m9000"


def test_a_short_message_is_searched_with_the_turns_before() -> None:
    """ "And then?" means what was spoken of; a full question stands alone."""
    config = RecallConfig(widen=Widen(below=3))
    widened = ask("and then?", config, recent=["I was thinking of the violin"])
    assert widened.widened
    assert ids(widened)[0] in ("m0900", "m0901")
    alone = ask("Where did Ada buy the lantern?", config, recent=["I was thinking of the violin"])
    assert not alone.widened
    assert alone == ask("Where did Ada buy the lantern?", config)
    assert not ask("and then?", RecallConfig(widen=Widen(below=0)), recent=["violin"]).widened


def test_without_a_model_recall_goes_on_and_says_so() -> None:
    """Words, speakers and dates still find the answer."""
    engine = Engine(None)
    found = engine.recall(index_of(engine, CHAT), Query("Where did Ada buy the lantern?"))
    assert ids(found)[0] == "m0002"
    assert found.notes == [NO_MODEL]
    assert engine.recall(Index(), Query("anything")) == Recalled([], [NO_MODEL])


def test_an_endpoint_without_token_vectors_is_enough() -> None:
    """Cosine works, late interaction is off, and the answer says so."""
    words = WordEmbedder()

    def post(body: object) -> dict[str, object]:
        assert isinstance(body, dict)
        return {"data": [{"index": i, "embedding": one.vector.tolist()} for i, one in enumerate(words.embed(body["input"]))]}

    engine = Engine(HttpEmbedder(post, "somewhere"))
    found = engine.recall(index_of(engine, CHAT), Query("violin"))
    assert ids(found)[0] == "m0900"
    assert found.notes == [NO_TOKENS]
    assert all("late" not in hit.parts and hit.parts for hit in found.hits)


def test_a_reranker_reorders_and_cannot_lose_anything() -> None:
    """Ids it leaves out follow in the old order; ids it makes up are ignored."""
    engine = Engine(WordEmbedder())
    index = index_of(engine, CHAT)
    seen: list[Sequence[str]] = []

    def rerank(question: str, found: Sequence[str]) -> list[str]:
        seen.append(found)
        return [found[2], "made up", found[0], found[0]]

    plain = ids(engine.recall(index, Query("kayak"), k=7))
    assert ids(engine.recall(index, Query("kayak"), k=7, rerank=rerank)) == [plain[2], plain[0], plain[1], *plain[3:]]
    assert len(seen[0]) == len(CHAT)


@pytest.mark.parametrize("strategy", ["linear", "rrf", "openmemory"])
def test_every_strategy_answers(strategy: str) -> None:
    """The strategies differ in order, not in what they can be asked."""
    found = ask("kayak", RecallConfig.model_validate({"strategy": strategy}), k=7)
    assert ids(found)[0] in ("m0000", "m2000")
    assert sorted(ids(found)) == sorted(one.id for one in CHAT)


def test_openmemory_follows_its_formula() -> None:
    """sigmoid of the four weighted terms, the sector's damping inside the similarity."""
    engine = Engine(WordEmbedder(), RecallConfig(strategy="openmemory"))
    index = index_of(engine, CHAT)
    for hit in engine.recall(index, Query("kayak", at=START), k=7).hits:
        assert set(hit.parts) <= {"similarity", "overlap", "waypoint", "recency"}
        assert hit.parts.get("similarity", 0) <= openmemory.SIMILARITY
        assert 0 < hit.score < 1


def test_a_needle_in_a_long_text_is_found() -> None:
    """At word 600 and at word 1200 of one memory among many others."""
    engine = Engine(WordEmbedder())
    filler = " ".join(f"chatter{i % 97}" for i in range(1500)).split()
    long = [*filler[:600], "zeppelin", *filler[600:1200], "harpsichord", *filler[1200:]]
    index = index_of(engine, [*CHAT, memory(5000, " ".join(long)), *(memory(5001 + i, f"chatter{i} again") for i in range(50))])
    assert ids(engine.recall(index, Query("the zeppelin")))[0] == "m5000"
    assert ids(engine.recall(index, Query("a harpsichord?")))[0] == "m5000"


def test_waypoints_are_neighbours_in_time_and_shared_names() -> None:
    """Edges are read off the index; one that too much shares links nothing."""
    engine = Engine(WordEmbedder())
    index = index_of(engine, [*CHAT, memory(3000, "today Noor called")])
    found = edges.waypoints(index, view.of(index, 6), "m0900")
    assert {(edge.other, edge.kind, edge.label) for edge in found} == {("m0901", "time", "after"), ("m3000", "entity", "noor")}
    index.remove("m3000")
    assert {edge.other for edge in edges.waypoints(index, view.of(index, 6), "m0900")} == {"m0901"}


def test_an_entity_step_reaches_what_shares_a_name() -> None:
    """With the stage on, a memory that names the same person is lifted."""
    stored = [memory(0, "the violin of Noor"), *(memory(400 * i, "nothing here") for i in range(2, 20)), memory(9000, "we saw Noor off")]
    engine = Engine(WordEmbedder(), RecallConfig(waypoint=5.0))
    hits = engine.recall(index_of(engine, stored), Query("violin"), k=2).hits
    assert [hit.id for hit in hits] == ["m0000", "m9000"]
    assert hits[1].parts["waypoint"] > 0


_PROGRAM = """
import sys
from tests.unit.memory.test_index import TEXTS, QUESTIONS
from tests.unit.memory.support import WordEmbedder, index_of, memory
from worker.memory.ask import Query, named_speaker
from worker.memory.engine import Engine
engine = Engine(WordEmbedder())
stored = [memory(i, text + " " + other) for i, text in enumerate(TEXTS) for other in TEXTS]
index = index_of(engine, [memory(i, text.text) for i, text in enumerate(stored)])
for text in QUESTIONS:
    for hit in engine.recall(index, Query(text), k=50).hits:
        print(hit.id, hit.score.hex(), sorted((k, v.hex()) for k, v in hit.parts.items()))
"""


def test_another_process_ranks_the_same_bit_for_bit() -> None:
    """Scores and parts are compared as hexadecimal floats, here and under another hash seed."""
    with redirect_stdout(StringIO()) as here:
        exec(_PROGRAM, {})
    # Which kernels the arithmetic runs on is a matter of the machine, and may be set in the environment.
    kernels = {name: value for name, value in os.environ.items() if "BLAS" in name or name.startswith(("OMP_", "MKL_"))}
    there = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        cwd=ROOT,
        env=kernels | {"PYTHONHASHSEED": "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1", "PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    assert here.getvalue() == there
    assert len(there.splitlines()) > 100


@given(st.lists(st.text(st.characters(), max_size=80), max_size=6), st.text(st.characters(), max_size=60))
@examples(60)
def test_nothing_a_person_types_breaks_recall(texts: list[str], question: str) -> None:
    """Lone surrogates, control characters, right-to-left marks: stored and asked."""
    engine = Engine(WordEmbedder())
    index = index_of(engine, [memory(i, text, speaker=text[:5]) for i, text in enumerate(texts)])
    found = engine.recall(index, Query(question, recent=texts, speaker=question[:5]), k=10)
    assert sorted(ids(found)) == sorted(f"m{i:04d}" for i in range(len(texts)))


def test_reaches_are_values() -> None:
    """Equal configurations are equal keys: what is worked out for one serves the other."""
    assert Reach() == Reach()
    assert hash(RecallConfig().lexical) == hash(Lexical())


def test_an_endless_question_is_cut_to_its_rarest_words() -> None:
    """A pasted page asks in bounded time, and its rare word still finds the memory."""
    common = " ".join(f"unheard{i}" for i in range(3000))
    config = RecallConfig(most_terms=8)
    found = ask(f"{common} violin", config)
    assert ids(found)[0] == "m0900"
    assert ask(f"{common} violin", config) == found
