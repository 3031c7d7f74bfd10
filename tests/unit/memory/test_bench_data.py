"""The benchmark reads what the public sets look like; the examples here are made up."""

import json
from pathlib import Path

import pytest

from tests.bench.memory import madial, measure, shapes
from tests.bench.memory.data import evidence_ids, load


def write(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("raw", "ids"),
    [
        (["D8:6; D9:17"], ["D8:6", "D9:17"]),
        (["D30:05"], ["D30:5"]),
        ("D1:2,D1:3", ["D1:2", "D1:3"]),
        (["D", "", "D:11:26"], ["D11:26"]),
        (None, []),
    ],
)
def test_evidence_ids_are_read_leniently(raw: object, ids: list[str]) -> None:
    """The spellings that occur in the sets."""
    assert evidence_ids(raw) == ids


def test_locomo(tmp_path: Path) -> None:
    """Sessions in the order of their numbers, image descriptions in the text, questions without evidence counted apart."""
    record = {
        "sample_id": "made-up",
        "conversation": {
            "speaker_a": "Ada",
            "session_10": [{"speaker": "Ada", "dia_id": "D10:1", "text": "Bye"}],
            "session_10_date_time": "9:05 am on 2 June, 2024",
            "session_2": [{"speaker": "Bram", "dia_id": "D2:1", "text": "Look", "blip_caption": "a red kayak"}],
            "session_2_date_time": "1:56 pm on 8 May, 2024",
        },
        "qa": [
            {"question": "What is red?", "answer": "kayak", "evidence": ["D2:01"], "category": 4},
            {"question": "Refuse this", "evidence": ["D10:1"], "category": 5},
            {"question": "Nobody knows", "evidence": ["D99:1"], "category": 1},
        ],
    }
    (case,) = load(write(tmp_path / "one.json", [record]), "locomo")
    assert [(m.id, m.text, m.speaker, m.at.month) for m in case.memories] == [
        ("D2:1", "Look [shares a red kayak]", "Bram", 5),
        ("D10:1", "Bye", "Ada", 6),
    ]
    assert [(q.category, q.evidence, q.apart) for q in case.questions] == [
        ("4", frozenset({"D2:1"}), False),
        ("5", frozenset({"D10:1"}), True),
    ]
    assert case.unmatched == 1


def test_realtalk(tmp_path: Path) -> None:
    """Sessions beside the questions, each message with its own time; a folder of files is one set."""
    record = {
        "name": {"speaker_1": "Ada Long", "speaker_2": "Bram"},
        "events_session_1": {"agent_a": [], "agent_b": []},
        "session_1": [
            {"clean_text": "I ran", "speaker": "Ada Long", "date_time": "29.12.2023, 00:51:12", "dia_id": "D1:1"},
            {"clean_text": "at dawn", "speaker": "Ada Long", "date_time": "29.12.2023, 00:51:20", "dia_id": "D1:2"},
        ],
        "session_1_date_time": "29.12.2023, 00:51:12",
        "qa": [{"question": "When did Ada Long run?", "evidence": ["D1:2"], "category": 2}],
    }
    write(tmp_path / "a.json", record)
    write(tmp_path / "b.json", record)
    cases = load(tmp_path, "realtalk")
    assert len(cases) == 2
    assert [(m.text, m.at.second) for m in cases[0].memories] == [("I ran", 12), ("at dawn", 20)]


def madial_files(folder: Path, dialogues: list[object], memories: list[object]) -> Path:
    """The two files of one language, as JSON lines."""
    for name, rows in (("Made-up-dialogue.json", dialogues), ("Made-up-memory.json", memories)):
        (folder / name).write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n", encoding="utf-8")
    return folder / "Made-up-dialogue.json"


TALK = {
    "dialogue": [
        "<BOD>\n", '<Ada>: "Hello: is it you?"\n', '<Assistant>: "Hi"\n', '<Ada>:"I am nervous"\n', '<Assistant>: "The race?"\n', "<EOD>\n",
    ],
    "test-turn": [4, 6],
    "relevant-id": [2, 3],
    "user-id": 1,
}  # fmt: skip


def test_madial(tmp_path: Path) -> None:
    """The user's last turn before the tested one asks, without marks and quotes; each user has a store of their own."""
    other = TALK | {"dialogue": ["<BOD>\n", "<Bram>：“I am bored”\n", "<EOD>\n"], "test-turn": [2], "relevant-id": [1], "user-id": 2}
    memories = [
        {"1": {"time": "2023-01-05", "scene": "home", "emotion": "joy", "event": "Bram baked bread"}},
        {"2": {"event": "Ada won a race"}},
        {"3": {"event": "Somebody swam", "user-id": 1, "id": "3"}},
        {"4": {"event": "Ada met Bram"}},
    ]
    folder = tmp_path / "en"
    folder.mkdir()
    path = madial_files(folder, [TALK, other], memories)
    (folder / "Made-up-dialogue-setting2.json").write_text("{}", encoding="utf-8")
    for given in (path, folder, tmp_path):
        ada, bram = load(given, "madial")
        assert [m.text for m in ada.memories] == ["Ada won a race", "Somebody swam", "Ada met Bram"]
        assert [m.text for m in bram.memories] == ["Bram baked bread. home. joy", "Ada met Bram"]
        (question,) = ada.questions
        assert (question.query.text, list(question.query.recent)) == ("I am nervous", ["Hello: is it you?"])
        assert question.evidence == frozenset({"2", "3"})
        assert bram.questions[0].query.text == "I am bored"


def test_madial_without_users_is_one_store(tmp_path: Path) -> None:
    """Plain names, no user ids: everything belongs to everybody."""
    talk = {"dialogue": ["User: Hello", "Assistant: Hi", "User: I am nervous", "Assistant: Well"], "test-turn": 3, "relevant-id": ["2"]}
    (case,) = load(madial_files(tmp_path, [talk], [{"id": 1, "event": "bread"}, {"id": 2, "event": "race"}]), "madial")
    assert [m.id for m in case.memories] == ["1", "2"]
    assert (case.questions[0].query.text, case.questions[0].query.recent) == ("I am nervous", ("Hello",))


def test_a_line_without_a_speaker_is_the_other_ones() -> None:
    """Some lines of the set lost their speaker; whoever did not speak before says them."""
    said = [
        "<BOD>",
        '<Ada>: "Fine?"',
        '"Very."',
        '<Ada>: "So?"',
        '<Assistant>: "Yes"',
        '<Ada>: "Juice"',
        "<Mom was right, you know.>",
        "<EOD>",
    ]
    assert [who for who, _ in madial.lines(said)] == ["ada", "assistant", "ada", "assistant", "ada", "assistant"]
    assert madial.lines(said)[-1][1] == "Mom was right, you know."


@pytest.mark.parametrize("content", ["", "not json", "[]", '[{"qa": []}]', '{"conversation": {}}'])
def test_a_file_of_another_kind_is_refused_in_a_sentence(tmp_path: Path, content: str) -> None:
    """The benchmark says what is wrong instead of printing zeros."""
    path = tmp_path / "x.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"x\.json"):
        load(path, "locomo")


def test_metrics_count_evidence_not_questions() -> None:
    """recall@k is the share of a question's evidence; the reciprocal rank takes the first."""
    found = [
        measure.outcome(["a", "x", "b"], frozenset("ab"), "1", False),
        measure.outcome(["x", "y"], frozenset("c"), "1", False),
    ]
    assert measure.recall(found, 1) == 0.25
    assert measure.recall(found, 5) == 0.5
    assert [measure.hit(found, k) for k in (1, 5)] == [0.5, 0.5], "apart from recall: any of a question's evidence is a hit"
    assert measure.mrr(found) == 0.5
    assert measure.summary([])["recall"] == {"1": 0.0, "5": 0.0, "10": 0.0, "20": 0.0}
    assert shapes.moment("nonsense") is None
