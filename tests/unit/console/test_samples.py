"""The three characters that come with the program."""

from itertools import combinations

from bot.mentions import mentions
from bot.triggers import Candidate, Cast
from engine import seed
from engine.blobs.pictures import media_type, prepared


def test_there_are_three_public_characters_owned_by_nobody() -> None:
    """Everybody may talk to them, and they say hello in a breath."""
    samples = seed.samples()
    assert [sample.slug for sample in samples] == ["wren", "ottoline", "brine"]
    for sample in samples:
        assert (sample.owner_id, sample.visibility) == (None, "public")
        assert 20 < len(sample.description.greeting) < 200
        assert sample.description.info
        assert sample.description.traits
        assert "{{char}}:" in sample.description.examples


def test_their_ids_are_the_same_everywhere() -> None:
    """So that planting twice, and in two processes, is planting once."""
    assert [sample.character_id for sample in seed.samples()] == [sample.character_id for sample in seed.samples()]
    assert str(seed.character_id("wren")) == "fb5f3299-ce24-52eb-80f3-2f40be117845"
    assert seed.default_preset("some/model").preset_id == seed.default_preset("other/model").preset_id


def test_each_is_found_by_every_name_it_goes_by() -> None:
    """And by none of the other's."""
    candidates = [Candidate(s.character_id, (s.description.name, s.slug, *s.description.aliases)) for s in seed.samples()]
    cast = Cast.of(candidates)
    for candidate in candidates:
        for name in candidate.names:
            (found,) = mentions(f"Well, @{name}, what now?", lambda said: cast.named(said, 1))
            assert found.character == candidate.id


def test_they_are_not_alike() -> None:
    """Three voices, not one thrice."""
    for one, other in combinations(seed.samples(), 2):
        shared = set(one.description.traits.lower().split()) & set(other.description.traits.lower().split())
        assert len(shared) < 12
        assert one.description.tone != other.description.tone


def test_every_sample_has_a_small_picture_of_its_own() -> None:
    """Drawn for it, in the form in which pictures are stored."""
    found = [seed.picture(sample.slug) for sample in seed.samples()]
    assert len(set(found)) == len(found)
    for content in found:
        assert len(content) <= 20_000
        assert media_type(content) == "image/png"
        assert prepared(content).width == prepared(content).height
