"""Terms: every writing system is broken into words that can be found again."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from worker.memory.words import LONGEST, clean, fold, raw_words, stem, terms


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("나는 어제 학교에서 친구를 만났다", "학교"),
        ("我昨天在学校见到了朋友", "朋友"),
        ("昨日、東京タワーでコーヒーを飲んだ", "コーヒー"),
        ("Вчера я встретил старых друзей в школе", "школа"),
        ("ذهبت إلى المدرسة أمس مع صديقي", "مدرسة"),
        ("הלכתי אתמול לבית הספר עם חבר", "הספר"),
        ("สวัสดีครับผมไปตลาดมา", "ตลาด"),
        ("We painted the harbours", "painting a harbour"),
        ("J'ai bu un CAFÉ crème", "cafe"),
    ],
)
def test_a_word_of_the_text_is_found_in_its_own_writing(text: str, asked: str) -> None:
    """A question's word meets the text's word though case, accents, endings or missing spaces differ."""
    assert set(terms(asked)) & set(terms(text))


@pytest.mark.parametrize(
    "text", ["我昨天在学校见到了朋友", "昨日東京タワーでコーヒーを飲んだ", "สวัสดีครับผมไปตลาดมา", "나는어제학교에서친구를만났다"]
)
def test_a_script_without_spaces_does_not_collapse_into_one_token(text: str) -> None:
    """Such a sentence gives about as many terms as it has characters, none of them longer than two except whole Hangul words."""
    found = terms(text)
    assert len(found) >= len(text) - 1
    assert sum(len(term) > 2 for term in found) <= 1


def test_unrelated_sentences_of_one_script_share_no_term() -> None:
    """Breaking into pairs does not make everything alike."""
    assert not set(terms("我喜欢吃苹果")) & set(terms("他昨天骑车上班"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Didn't Caroline's friend run 3.5 km?", ["carolin", "friend", "run", "3.5", "km"]),
        ("THE the The", []),
        ("foo_bar e-mail", ["foo", "bar", "e", "mail"]),
        ("", []),
        ("?!… 🙂", []),
    ],
)
def test_english_words_are_stemmed_and_function_words_left_out(text: str, expected: list[str]) -> None:
    """Possessives go, numbers keep their point, function words vanish."""
    assert terms(text) == expected


def test_vowel_marks_do_not_hide_a_word() -> None:
    """Pointed Hebrew and Arabic meet the same words without points."""
    assert terms("שָׁלוֹם") == terms("שלום")
    assert terms("مَدْرَسَة") == terms("مدرسة")


def test_latin_script_is_stemmed_in_the_language_that_is_set() -> None:
    """The same ending is cut or kept by language, and `none` only folds."""
    assert stem("Häuser", "german") == stem("Haus", "german")
    assert stem("paintings", "none") == "paintings"


@example("\u0300")
@given(st.text(st.characters(), max_size=300))
def test_any_text_gives_usable_terms(text: str) -> None:
    """Whatever comes in, lone surrogates too, terms are encodable, not empty and bounded."""
    for term in terms(text):
        assert term
        assert len(term) <= 4 * LONGEST
        term.encode()


@given(st.text(st.characters(), max_size=200))
def test_terms_ignore_case_and_composition(text: str) -> None:
    """Composed and decomposed spellings of a text are the same to a search."""
    cleaned = clean(text)
    assert terms(unicodedata.normalize("NFC", cleaned)) == terms(unicodedata.normalize("NFD", cleaned))


@given(st.text(st.characters(codec="ascii"), max_size=100))
def test_folding_twice_is_folding_once(text: str) -> None:
    """Folding is a normal form."""
    assert fold(fold(text)) == fold(text)


def test_clean_replaces_only_lone_surrogates() -> None:
    """Pairs and everything else stay as they were."""
    assert clean("a\ud800b🙂") == "a\ufffdb🙂"


def test_a_megabyte_without_a_space_is_cut() -> None:
    """One endless word costs one short term."""
    assert terms("x" * 1_000_000) == ["x" * LONGEST]
    assert sum(1 for _ in raw_words("漢" * 1000)) == 1


@given(st.text(st.characters(codec="ascii"), max_size=200))
def test_plain_text_has_the_words_it_has_among_others(text: str) -> None:
    """ASCII is read by a shorter rule, which finds the same words: a text in another script after it changes nothing."""
    assert [*raw_words(text), "я"] == list(raw_words(text + " я"))
