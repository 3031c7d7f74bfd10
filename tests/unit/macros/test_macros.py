"""Macros stand for what SillyTavern's stand for; draws go through the caller; regex scripts are linear or refused."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.macros import scripts
from engine.macros.expand import MOST, Meanings, expand
from engine.macros.scripts import Placement, Refused, Script, apply, check
from tests.support import steps

NOW = datetime(2026, 11, 5, 9, 7, tzinfo=UTC)


def scene(*drawn: float, chat: str = "c", seed: str = "") -> Meanings:
    rolls: Iterator[float] = iter([*drawn, *(0.5 for _ in range(1000))])
    return Meanings(NOW, {"user": "Bob", "char": "Lilith"}, lambda what: next(rolls), chat, seed, {"x": "5"}, {"g": "7"})


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("Hi {{user}}, I am {{CHAR}}.", "Hi Bob, I am Lilith."),
        ("{{ user }}", "Bob"),
        ("{{unknown}} stays, {{user", "{{unknown}} stays, {{user"),
        ("}} {{user}} }}", "}} Bob }}"),
        ("a{{// nothing to see}}b", "ab"),
        (r"\{\{user\}\}", "{{user}}"),
        ("{{time}} {{weekday}} {{isodate}} {{date}}", "09:07 Thursday 2026-11-05 November 5, 2026"),
        ("{{random::a::b::c}}", "b"),
        ("{{random:a,b,c}}", "b"),
        ("{{random::{{user}}::{{user}}}}", "Bob"),
        ("{{roll::2d6+3}}", "11"),
        ("{{roll:6}} {{roll::d4-1}}", "4 2"),
        ("{{roll::0d6}} {{roll::x}}", "{{roll::0d6}} {{roll::x}}"),
        ("{{getvar::x}}{{setvar::y::z}}{{getvar::y}}{{incvar::x}}{{addvar::x::4}}{{getvar::x}}", "5z610"),
        ("{{getglobalvar::g}}{{$g}}{{.x}}{{.x++}}{{.n = 3}}{{.n += 2}}{{.n}}", "77565"),
        ("{{if {{getvar::x}}}}yes{{else}}no{{/if}}", "yes"),
        ("{{if off}}yes{{else}}no{{/if}}{{if !0}}!{{/if}}", "no!"),
        ("{{if 1}}a{{if 0}}b{{else}}c{{/if}}d{{/if}}", "acd"),
        ("{{if 1}}open", "{{if 1}}open"),
        ("a{{newline}}b{{noop}}", "a\nb"),
    ],
)
def test_macros_stand_for_what_they_stand_for(text: str, expanded: str) -> None:
    assert expand(text, scene()) == expanded


def test_what_a_macro_gives_is_never_read_again() -> None:
    """A name of a person that is a macro is only a name."""
    named = Meanings(NOW, {"user": "{{char}}", "char": "Lilith"}, lambda what: 0.0)
    assert expand("{{user}}", named) == "{{char}}"
    condition = Meanings(NOW, {"user": "{{if 0}}", "char": "{{/if}}"}, lambda what: 0.0)
    assert expand("{{user}}a{{char}}", condition) == "{{if 0}}a{{/if}}"


def test_a_pick_is_the_same_in_every_branch_and_a_random_is_drawn_every_time() -> None:
    """`pick` depends on the conversation's beginning, the text, its place and the seed alone."""
    text = "{{pick::" + "::".join(map(str, range(1000))) + "}}"
    assert expand(text, scene(0.1)) == expand(text, scene(0.9))
    assert expand(text, scene(chat="other")) != expand(text, scene())
    assert expand(text, scene(seed="again")) != expand(text, scene())
    assert expand("{{random::a::b}}{{random::a::b}}", scene(0.1, 0.9)) == "ab"


@given(
    st.lists(
        st.sampled_from(["{{", "}}", "user", "::", "if ", "{{/if}}", "{{else}}", "random", ".x", "$", "=", "roll", "\\{\\{"])
        | st.text(max_size=5)
    )
)
def test_expanding_never_fails(parts: list[str]) -> None:
    expand("".join(parts), scene())


@pytest.mark.parametrize("unit", ["{{", "{{user}}", "}}", "{{if 1}}", "{{user::", "{{/if}}"])
def test_expanding_costs_as_much_as_the_text_is_long(unit: str) -> None:
    few, many = (steps.lines(lambda size=size: expand(unit * size, scene())) for size in (MOST // 8, MOST // 2))  # type: ignore[misc]
    assert many <= 5 * few + 500


def test_the_draws_are_named_by_their_place() -> None:
    """So that what was recorded is given back to the same macro."""
    names: list[str] = []

    def draw(what: str) -> float:
        names.append(what)
        return 0.0

    expand("{{roll::2d6}} {{random::a::b}}", Meanings(NOW, {}, draw))
    assert names == ["roll@0#0", "roll@0#1", "random@14"]


@pytest.mark.parametrize(
    ("find", "replace", "text", "found"),
    [
        (r"/\*(.+?)\*/g", "_$1_", "*a* and *b*", "_a_ and _b_"),
        ("a", "{{match}}{{match}}", "banana", "baanana"),
        ("/A/gi", "$0", "aXa", "aXa"),
        (r"/(?P<w>o+)/g", "<$<w>$9>", "foo", "f<oo>"),
        (r"/^x/gm", "y", "x\nx", "y\ny"),
    ],
)
def test_scripts_replace_as_their_files_say(find: str, replace: str, text: str, found: str) -> None:
    assert apply(text, [Script(find, replace)], Placement.CHARACTER) == found


@pytest.mark.parametrize(
    "find", ["(?=a)b", "/(?<!a)b/", r"(a)\1", "(", "", "/a/x", "a" * (scripts.LONGEST_PATTERN + 1), "(?:a{1000}){1000}"]
)
def test_what_linear_time_cannot_do_is_refused_in_a_sentence(find: str) -> None:
    """And leaves a text as it is where it stands in a card all the same."""
    with pytest.raises(Refused, match=r"\w+ .*"):
        check(Script(find))
    assert apply("ab", [Script(find, "x")], Placement.CHARACTER) == "ab"


def test_a_script_is_for_its_place_and_depth() -> None:
    script = Script("a", "b", placement=frozenset({Placement.USER}), prompt_only=True, least_depth=1, most_depth=2)
    assert [apply("a", [script], Placement.USER, depth=depth) for depth in range(4)] == ["a", "b", "b", "a"]
    assert apply("a", [script], Placement.CHARACTER, depth=1) == apply("a", [script], Placement.USER, depth=1, shown=True) == "a"
    assert apply("[a]", [Script("/.a./", "$0", trim=("[", "]"))], Placement.CHARACTER) == "a"
