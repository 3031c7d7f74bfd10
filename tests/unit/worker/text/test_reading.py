"""What becomes of a model's words: thoughts, copied headers and other people's lines go, and nothing that a person was told."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from worker.turn.text.drafting import growing
from worker.turn.text.frame import PromptFrame
from worker.turn.text.reading import LONGEST, read, scrub

PROMPT = ('<message from="Bob" at="2026-01-01 10:00">\nHi\n</message>\n<situation>',)
FRAME = PromptFrame(name="Lilith", others=frozenset({"Bob", "Zoë Q.", "Eve"}), tail=frozenset({"situation"}), prompt=PROMPT)
ASKED = PromptFrame(name="Lilith", others=frozenset({"Bob"}), asked=True)
THOUGHT = "SECRET the visitor greets me, I should be kind."

THOUGHTS = {
    "orphan, its answer behind it": f"{THOUGHT}\n</think>Hello!",
    "orphan, alone on its line": f"{THOUGHT}\n</think>\n\nHello!",
    "orphan, at the end of a line": f"{THOUGHT}</think>\nHello!",
    "orphan, within a line": f"{THOUGHT}</think>Hello!",
    "orphan, short": "SECRET\n</thinking>Hello!",
    "orphan, upper case": f"{THOUGHT}\n</THINK>\nHello!",
    "orphan, of several paragraphs": f"{THOUGHT}\n\nSECRET more.\n\n- SECRET\n</think>\nHello!",
    "orphan, twice": f"{THOUGHT}</think>SECRET</think>Hello!",
    "orphan, Mistral": f"{THOUGHT}[/THINK]Hello!",
    "at the start": f"<think>\n{THOUGHT}\n</think>\n\nHello!",
    "with attributes": f'<think duration="3" model="x">{THOUGHT}</think>Hello!',
    "with blanks in the tag": f"< think >{THOUGHT}</ think >Hello!",
    "upper case": f"<THINKING>{THOUGHT}</THINKING>Hello!",
    "nested": f"<think>{THOUGHT}<think>SECRET</think>SECRET</think>Hello!",
    "nested, named otherwise": f"<reasoning>{THOUGHT}<plan/><think>SECRET</think></reasoning>Hello!",
    "opened twice, closed once": "<think>SECRET I must not write <think> twice</think>Hello!",
    "closed by another name": f"<thinking>{THOUGHT}</think>Hello!",
    "several in a row": "<think>SECRET</think>\n<reflection>SECRET</reflection>\nHello!",
    "after a preface": f"Sure.\n<reasoning>{THOUGHT}</reasoning>\nHello!",
    "after a preface, in its line": f"Sure. <think>{THOUGHT}</think> Hello!",
    "between two sentences": f"Sure.\n\n<think>\n{THOUGHT}\n</think>\n\nHello!",
    "after the answer, never closed": f"Hello!\n<think>\n{THOUGHT}",
    "a fence in the thoughts": "<think>\n```py\nSECRET\n```\n</think>\nHello!",
    "an open fence in the thoughts": "<think>\n```py\nSECRET\n</think>\nHello!",
    "Mistral": f"[THINK]{THOUGHT}[/THINK]Hello!",
    "Cohere": f"<|START_THINKING|>{THOUGHT}<|END_THINKING|><|START_RESPONSE|>Hello!<|END_RESPONSE|>",
    "OpenThinker": f"<|begin_of_thought|>{THOUGHT}<|end_of_thought|><|begin_of_solution|>Hello!<|end_of_solution|>",
    "Seed": f"<seed:think>{THOUGHT}</seed:think>Hello!",
    "Kimi": f"◁think▷{THOUGHT}◁/think▷Hello!",
    "Gemma": f"<|channel>thought\n{THOUGHT}<channel|>Hello!",
    "MedGemma": f"<unused94>thought\n{THOUGHT}<unused95>Hello!",
    "full width": f"＜think＞{THOUGHT}＜/think＞Hello!",
    "Open WebUI": f'<details type="reasoning" done="true">\n<summary>Thought for 3 s</summary>\n{THOUGHT}\n</details>\nHello!',
    "answer in a tag": f"<think>{THOUGHT}</think>\n<answer>\nHello!\n</answer>",
    "a labelled fence": f"```thinking\n{THOUGHT}\n```\nHello!",
    "harmony": f"<|channel|>analysis<|message|>{THOUGHT}<|end|><|start|>assistant<|channel|>final<|message|>Hello!<|return|>",
    "harmony, no end marks": f"<|channel|>analysis<|message|>{THOUGHT}<|channel|>final<|message|>Hello!",
    "harmony, commentary": "<|start|>assistant<|channel|>commentary to=functions.x <|constrain|>json<|message|>{SECRET}<|call|>"
    "<|start|>assistant<|channel|>final<|message|>Hello!",
    "harmony, first token lost": f"analysis<|message|>{THOUGHT}<|end|><|start|>assistant<|channel|>final<|message|>Hello!",
    "harmony, tokens lost": f"analysis{THOUGHT}assistantfinalHello!",
    "orphan, and a closing mark too many": f"{THOUGHT}</think>Hello!</think>",
    "an answer in a tag that is cut": f"<think>{THOUGHT}</think><response>Hello!",
    "a slash that is escaped": f"<think>{THOUGHT}<\\/think>Hello!",
    "a folded part": f"<details><summary>Thought process</summary>\n{THOUGHT}\n</details>\n\nHello!",
    "Ollama's words": f"Thinking...\n{THOUGHT}\n...done thinking.\n\nHello!",
    "a monologue": f"<monologue>{THOUGHT}</monologue>Hello!",
    **{f"<{tag}>": f"<{tag}>{THOUGHT}</{tag}>Hello!" for tag in ("denken", "思考", "pensamiento", "pensée", "мысли", "생각", "ｔｈｉｎｋ")},
    **{f"<{tag}>": f"<{tag}>{THOUGHT}</{tag}>Hello!" for tag in ("inner_thought", "reasoning_content", "longcat_think", "planning")},
    **{f"<{tag}>": f"<{tag}>{THOUGHT}</{tag}>Hello!" for tag in ("pensiero", "raciocínio", "myślenie", "düşünce", "تفكير")},
    "by one word, dots": f"<|startofthink|>{THOUGHT}<|endofthink|>Hello!",
    "start and end behind a colon": f"<|think:begin|>{THOUGHT}<|think:end|>Hello!",
    "Pangu": f"[unused16]{THOUGHT}[unused17]Hello!",
    "Granite": f"Here is my thought process:\n{THOUGHT}\nHere is my response:\nHello!",
    "Apriel": f"Here are my reasoning steps:\n{THOUGHT}\n[BEGIN FINAL RESPONSE]\nHello!\n[END FINAL RESPONSE]",
    "in Japanese brackets": f"【思考】{THOUGHT}【/思考】Hello!",
    "a closing mark cut in half": f"<think>\n{THOUGHT}\n</think\nHello!",
    "in bold": f"**<think>**\n{THOUGHT}\n**</think>**\nHello!",
    "escaped for markdown": f"\\<think\\>{THOUGHT}\\</think\\>Hello!",
    "start and end by name": f"<|think_start|>{THOUGHT}<|think_end|>Hello!",
    "behind the own name": f"Lilith: <think>{THOUGHT}</think>Hello!",
    "behind a template's mark": f"<|im_start|>assistant\n<think>{THOUGHT}</think>\nHello!<|im_end|>",
}


@pytest.mark.parametrize("layout", THOUGHTS)
def test_thoughts_of_every_layout_are_kept_apart(layout: str) -> None:
    """B8: the answer is delivered, the thoughts are kept for those who may see them."""
    found = read(THOUGHTS[layout], FRAME)
    assert found.text in {"Hello!", "Sure.\nHello!", "Sure. Hello!"}
    assert "SECRET" in found.thinking
    assert "thinking" in found.changed


UNMARKED = {layout for layout in THOUGHTS if layout.startswith("orphan") or layout == "harmony, tokens lost"}


@pytest.mark.parametrize("layout", sorted(THOUGHTS.keys() - {layout for layout in UNMARKED if layout.startswith("orphan")}))
def test_no_beginning_of_an_answer_shows_a_thought(layout: str) -> None:
    """A7: whatever the pieces of a stream are, what is shown holds nothing of the thoughts, nor half a mark."""
    answer = THOUGHTS[layout]
    for end in range(len(answer) + 1):
        shown = growing(answer[:end], FRAME)
        assert not set(shown) & set("<>|ECRT[＜◁"), (end, shown)
        assert "S" not in shown.removeprefix("S" if shown.startswith(("Su", "S\0")) or "Sure".startswith(shown) else ""), (end, shown)


@pytest.mark.parametrize(
    "answer",
    ["<think>I never came to an end", "[THINK]x", "<think>a</think>", "</think>", "x\n</think>\n", "<|channel|>analysis<|message|>Hm"],
)
def test_thoughts_without_an_answer_say_nothing(answer: str) -> None:
    """B9: they are tried again."""
    assert read(answer, FRAME).text == ""


CODE = [
    "```xml\n<think>in a fence</think>\n```\nThat was code.",
    "Look: `<think>x</think>` is how it is written.",
    "The model writes `</think>` when it is done, and then the reply.",
    "Here is a template:\n```\nsome long thoughts stand here\n</think>\n```\nDone.",
    '~~~\n</message>\n<message from="Bob">\n~~~\nso.',
    "```\n<|im_end|>\n```",
    "Use `<|eot_id|>` and `[INST]`, or `</s>`.",
    "```\nBob: hi\n```\nis what was said.",
    "Look:\n```py\nBob: str = 'x'\nprint('</think>')\n```",
    "It ends so: ```</message>```",
]


@pytest.mark.parametrize("answer", CODE)
@pytest.mark.parametrize("frame", [FRAME, ASKED])
def test_marks_in_code_are_shown(answer: str, frame: PromptFrame) -> None:
    """Tags in fences and between backticks stay."""
    assert read(answer, frame).text == answer


@pytest.mark.parametrize(
    "answer",
    [
        "Use the <think> tag like this: <think>x</think>, then go on.",
        "<think> is a tag that models write before they think.",
        "Hello.\n<think>not at the start</think>\nBye.",
        "short\n</think>\nBye.",
        "Models end their turn with <|im_end|> and begin one with <|im_start|> so.",
        "You close it with </think> and that is all.",
        "Wrap it like so: <reasoning>some words of more than twenty characters</reasoning> and done.",
    ],
)
def test_who_asks_about_tags_is_told_about_tags(answer: str) -> None:
    """A conversation about such marks may hold them."""
    assert read(answer, ASKED).text == answer


KEPT = [
    "2026-11-25.",
    "2026-11-25",
    "2026-01-01 10:00",
    "[2026-01-01 10:00]",
    "[12:00] The bell rings.",
    "[2025-03-04 11:11] was the time.",
    "12:30",
    "1. First\n2. Second",
    "- one\n- two",
    "> quoted\nand answered",
    '"Hello," she said.',
    "Lilithia: is a place.",
    "[2026-01-01 10:00]: the bell.",
    "[2026-01-01 10:00] - the bell.",
    "Hello there.\n[2026-01-02 10:00] The bell.",
    "Hello there.\n[Bobby]: no",
    "Here is my thought: be kind.",
    "[unusual] it is.",
    "I said: Lilith: no.",
    "On 2026-01-01 it began.",
    "Hello <message>?",
    "<message>This is XML</message>",
    "Write <message>hi</message> there.",
    "Lilith:",
    "Note: bring a coat.",
    "Bob: you are right.",
    "Bob: Monday\nEve: Tuesday",
    "Here is the plan:\nBob: Monday\nEve: Tuesday",
    "Sure, here you go\nBob: Monday\nEve: Tuesday",
    "I told Bob: go home.",
    "He said\nBobby: no",
    "- Bob: the cook\n- Eve: the smith",
    "> Bob: hi\nI remember that.",
    "<s>old</s> new",
    "a < b && c > d",
    "<3",
    "...",
    "?",
    "👍",
    "#️⃣",
    "7",
    "*nods*",
    "<:smile:123456789012345678>",
    "The analysis of it is long.",
    "analysis is a word.",
    "[INSTANCE] is not a mark.",
    "Answer: <answer>42</answer>",
    "### Response times\nare good.",
    "Time: 10:00\nPlace: here",
    "e\u0301 and \u200d joined",
]


@pytest.mark.parametrize("answer", KEPT)
def test_what_belongs_to_the_reply_is_delivered(answer: str) -> None:
    """Only the scaffolding of our own prompt is removed."""
    assert read(answer, FRAME).text == answer
    assert growing(answer + "\n\nAnd so on.", FRAME)


COPIED = {
    "name": "Lilith: Hello.",
    "bold name": "**Lilith:** Hello.",
    "bold name, colon outside": "**Lilith**: Hello.",
    "other case": "lilith : Hello.",
    "twice": "Lilith: Lilith: Hello.",
    "header": '<message from="Lilith" at="2026-01-01 10:00">\nHello.\n</message>',
    "header of the unknown": '<message from="You" at="2026-01-01 10:00">\nHello.',
    "header and name": '<message from="Lilith" at="2026-01-01 10:00">\nLilith: Hello.\n</message>',
    "time of the prompt and name": "[2026-01-01 10:00] Lilith: Hello.",
    "time of the prompt": "[2026-01-01 10:00] Hello.",
    "closing tag": "Hello.</message>",
    "closing tag on its line": "Hello.\n</message>\n",
    "header behind": 'Hello.\n<message from="You">',
    "situation before": "<situation>\n<now>x</now>\n</situation>\nHello.",
    "the closing tag of what it answers": "</message>\nHello.",
    "response title": "### Response:\nHello.",
    "somebody's header first": '<message from="Bob" at="2026-01-01 10:00">\nHow?\n</message>\n'
    '<message from="Lilith" at="2026-01-01 10:00">\nHello.\n</message>',
}


@pytest.mark.parametrize("form", COPIED)
def test_copied_scaffolding_is_removed(form: str) -> None:
    """I13: a header that the model copied from its prompt is not shown."""
    found = read(COPIED[form], FRAME)
    assert found.text == "Hello."
    assert set(found.changed) & {"header", "after_turn"}


AFTER = {
    "closing tag and header": 'Hello!\n</message>\n<message from="Bob" at="2026-01-01 10:00">\nHow are you?\n</message>',
    "header only": 'Hello!\n<message from="Bob" at="2026-01-01 10:00">\nHow are you?',
    "header in the same line": 'Hello! <message from="Eve" kind="character" at="2026-01-01 10:00">\nHow are you?',
    "header in single quotes": "Hello!\n<message from='Bob' at='2026-01-01 10:01'>\nHow?",
    "closing tag first, and somebody's line": "</message>\nHello!\nBob: How?",
    "a participant's line behind a time": "Hello!\n[2026-01-01 10:01] Bob: How?",
    "a participant's line with a time": "Hello!\nBob (10:01 AM): How?",
    "a participant's line in brackets": "Hello!\n[Bob]: How?",
    "EXAONE": "Hello![|endofturn|]\n[|user|]How?",
    "InternLM": "Hello!<eoa>\n",
    "Baichuan": "Hello!<reserved_106>How?",
    "Nemotron": "Hello!<SPECIAL_11>User\nHow?",
    "Granite": "Hello!<|end_of_text|><|start_of_role|>user<|end_of_role|>How?",
    "Phi": "Hello!<|end|>\n<|user|>\nHow?",
    "closing tag and talk": "Hello!\n</message>\nAnd then Bob says hi.",
    "situation": "Hello!\n<situation>\n<now>2026</now>\n</situation>",
    "a participant's line": "Hello!\nBob: How are you?",
    "a participant's line, apart": "Hello!\n\nBob: How are you?\n\nLilith: Fine!",
    "a participant's line, bold": "Hello!\n**Bob:** How are you?",
    "a participant with another script": "Hello!\nZoë Q.: How are you?",
    "two participants": "Hello!\nBob: How?\nLilith: So.\nEve: Oh.",
    "ChatML": "Hello!<|im_end|>\n<|im_start|>user\nHow are you?<|im_end|>",
    "Llama 3": "Hello!<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHow are you?",
    "Llama 2": "Hello! </s><s>[INST] How are you? [/INST]",
    "Mistral": "Hello! [INST] How are you? [/INST] Fine.",
    "Zephyr": "Hello!\n<|user|>\nHow are you?\n<|assistant|>\nFine.",
    "Gemma": "Hello!<end_of_turn>\n<start_of_turn>user\nHow are you?",
    "DeepSeek": "Hello!<｜end▁of▁sentence｜><｜User｜>How are you?",
    "Alpaca": "Hello!\n\n### User:\nHow are you?\n\n### Response:\nFine.",
    "Alpaca, instruction": "Hello!\n### Instruction: go on",
    "Cohere": "Hello!<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|USER_TOKEN|>How?",
    "end of text": "Hello!<|endoftext|>Q: What?",
    "leading mark": "<|im_start|>assistant\nHello!<|im_end|>",
    "leading header": "<|start_header_id|>assistant<|end_header_id|>\n\nHello!",
    "leading turn": "<start_of_turn>model\nHello!",
    "leading instruction's end": "[/INST] Hello!",
    "leading user turn": "<|im_start|>user\nHow?<|im_end|>\n<|im_start|>assistant\nHello!",
}


@pytest.mark.parametrize("form", AFTER)
def test_a_reply_ends_where_the_own_turn_ends(form: str) -> None:
    """Nothing is said for others, and no template's mark is shown."""
    assert read(AFTER[form], FRAME).text == "Hello!"
    for end in range(len(AFTER[form]) + 1):
        assert "Hello!".startswith(growing(AFTER[form][:end], FRAME)), AFTER[form][:end]


NOTHING = [
    "",
    " \n\t",
    "\u200b\u200d\ufeff",
    "\u2800\u3164",
    "<@123456789012345678>",
    "<@!1> <@&2>\n",
    "@everyone",
    "@Bob",
    "@Bob!",
    "```\n```",
    "```py\n\n```",
    "** **",
    "---",
    "> ",
    "``",
    "</message>",
    "<|im_end|>",
    "</s>",
    '<message from="Bob" at="2026-01-01 10:00">\nHow are you?\n</message>',
    "<|im_start|>user\nHow are you?<|im_end|>",
    "\x00\x01",
]


@pytest.mark.parametrize("answer", NOTHING)
def test_what_tells_nobody_anything_is_empty(answer: str) -> None:
    """B9: such an answer is tried again and never delivered."""
    assert read(answer, FRAME).text == ""


TEXTS = st.lists(
    st.sampled_from(
        [
            "<think>",
            "</think>",
            "```",
            "`",
            "\n",
            "Bob:",
            "Lilith:",
            "</message>",
            '<message from="Bob" at="x">',
            "<|im_end|>",
            "&lt;",
            "a b. ",
            "[INST]",
            "<s>",
        ]
    )
    | st.text(max_size=12),
    max_size=12,
).map("".join)


@given(TEXTS)
@example("<think>")
def test_reading_never_fails_and_invents_no_character(answer: str) -> None:
    found = read(answer, FRAME)
    assert set(found.text) | set(found.thinking) <= set(scrub(answer)) | set("\n ")
    assert found.text == found.text.strip()
    growing(answer, FRAME)


def test_an_answer_beyond_all_bounds_is_cut_and_says_so() -> None:
    found = read("word " * LONGEST, FRAME)
    assert len(found.text) <= LONGEST
    assert "length" in found.changed
    assert read("Well" + "\n" * 40_000 + "that is all.", FRAME).text == "Well" + "\n" * 40_000 + "that is all."


@pytest.mark.parametrize(
    "answer",
    [
        "<think/>Hello!",
        'Hello! </message> <message from="Bob">x</message>',
        "Hello!\n<message from=“Bob”>\nhi</message>",
        "Hello!\n<message",
        'Hello!\n<message from="Bob',
        "Hello!\n</messa",
        "<|im_start|>Lilith\nHello!",
    ],
)
def test_half_marks_and_odd_ones_are_no_part_of_an_answer(answer: str) -> None:
    """Where a limit cut them, or a model wrote them its own way."""
    assert read(answer, FRAME).text == "Hello!"


@pytest.mark.parametrize("answer", ["In HTML </s> ends a strike.", "Write\n<me", "```\n<message\n```", "a\n</p", "A mess\n<messy>"])
def test_an_answer_that_only_looks_like_marks_is_whole(answer: str) -> None:
    """Clean-up eats nothing that a person was told."""
    assert read(answer, FRAME).text == answer
