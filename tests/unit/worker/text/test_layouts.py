"""Thoughts, turns and ends in the layouts that models and the programs around them make up, and answers that only look like them."""

import pytest

from worker.turn.text.drafting import growing
from worker.turn.text.escapes import Escaped
from worker.turn.text.frame import PromptFrame
from worker.turn.text.reading import read

FRAME = PromptFrame(name="Lilith", others=frozenset({"Bob", "Zoë Q.", "Eve"}), tail=frozenset({"situation"}))
THOUGHT = "SECRET the visitor greets me, I should be kind."


def told(words: str) -> PromptFrame:
    """Make the frame of an answer to these words."""
    return PromptFrame(name="Lilith", others=frozenset({"Bob", "Eve"}), escaped=Escaped(last=words))


THOUGHTS = [
    f"<!-- thinking: {THOUGHT} -->\nHello!",
    f"<!-- {THOUGHT} -->\nHello!",
    f"<!-- thought: {THOUGHT} -->Hello!",
    f"Hello!\n<!-- thinking: {THOUGHT} -->",
    f"<!--\n{THOUGHT}\n-->\n\nHello!",
    f"{{think}}{THOUGHT}{{/think}}Hello!",
    f"{{{{think}}}}{THOUGHT}{{{{/think}}}}\nHello!",
    f"[[think]]{THOUGHT}[[/think]]Hello!",
    f"[think]{THOUGHT}[/think]Hello!",
    f"[thinking]\n{THOUGHT}\n[/thinking]\nHello!",
    f"(think){THOUGHT}(/think)Hello!",
    f"&lt;think&gt;{THOUGHT}&lt;/think&gt;Hello!",
    f"<plan>{THOUGHT}</plan>Hello!",
    f"<plan>\n{THOUGHT}\n</plan>\n\nHello!",
    f"<self_reflection>{THOUGHT}</self_reflection>Hello!",
    f"<brainstorm>{THOUGHT}</brainstorm>Hello!",
    f"<inner_voice>{THOUGHT}</inner_voice>Hello!",
    f"<think_tool>{THOUGHT}</think_tool>Hello!",
    f"<thought_block>{THOUGHT}</thought_block>Hello!",
    f"<my_thoughts>{THOUGHT}</my_thoughts>Hello!",
    f"<internal_thoughts>{THOUGHT}</internal_thoughts>Hello!",
    f"<internal-thought>{THOUGHT}</internal-thought>Hello!",
    f"<thinking_mode>{THOUGHT}</thinking_mode>Hello!",
    f"<💭>{THOUGHT}</💭>Hello!",
    f"<suy nghĩ>{THOUGHT}</suy nghĩ>Hello!",
    f"<생각하기>{THOUGHT}</생각하기>Hello!",
    f"<シンキング>{THOUGHT}</シンキング>Hello!",
    f"<tänka>{THOUGHT}</tänka>Hello!",
    f"<gedachten>{THOUGHT}</gedachten>Hello!",
    f"<विचार>{THOUGHT}</विचार>Hello!",
    f"<pemikiran>{THOUGHT}</pemikiran>Hello!",
    f"<думки>{THOUGHT}</думки>Hello!",
    f"<מחשבות>{THOUGHT}</מחשבות>Hello!",
    f"<...think...>{THOUGHT}</...think...>Hello!",
    f"<think=on>{THOUGHT}</think>Hello!",
    '{"thought": "SECRET kind", "reply": "Hello!"}',
    f"<|channel|>analysis to=none<|message|>{THOUGHT}<|end|><|channel|>final<|message|>Hello!",
    f"**Thoughts:** {THOUGHT}\n\n**Reply:** Hello!",
    f"**Reasoning:**\n{THOUGHT}\n\n**Response:**\nHello!",
    f"Thought: {THOUGHT}\nAnswer: Hello!",
    f"Thought: {THOUGHT}\nFinal Answer: Hello!",
    f"Reasoning: {THOUGHT}\n\nResponse: Hello!",
    f"<|thought_start|>{THOUGHT}<|thought_end|>Hello!",
    f"<|begin_thinking|>{THOUGHT}<|end_thinking|>Hello!",
    f"<|start_think|>{THOUGHT}<|end_think|>Hello!",
    f"<|thinking_start|>{THOUGHT}<|thinking_end|>Hello!",
    f"[BEGIN THINKING]{THOUGHT}[END THINKING]Hello!",
    f"[THOUGHT]{THOUGHT}[/THOUGHT]Hello!",
    f"[THOUGHTS]\n{THOUGHT}\n[/THOUGHTS]\nHello!",
    f"[reasoning]{THOUGHT}[/reasoning]Hello!",
    f"||<think>{THOUGHT}</think>||Hello!",
    f"> <think>\n> {THOUGHT}\n> </think>\nHello!",
    f"> **Thinking**\n> {THOUGHT}\n\nHello!",
    f"<think>\n\n{THOUGHT}\n\n\n</think>\n\n\n\nHello!",
    f"~~~think\n{THOUGHT}\n~~~\nHello!",
    f"````thinking\n{THOUGHT}\n````\nHello!",
    f"<think>{THOUGHT}< /think >Hello!",
    f"<think>{THOUGHT}<\\think>Hello!",
    f"<think>{THOUGHT}</think></think>Hello!",
    f"<think>{THOUGHT}\n<answer>Hello!</answer>",
    f"<think>{THOUGHT}\n<response>\nHello!\n</response>",
    f"<think>{THOUGHT}</think>\n<output>Hello!</output>",
    f"<|thinking|>{THOUGHT}<|answer|>Hello!",
    f"### Thoughts\n{THOUGHT}\n\n### Reply\nHello!",
    f"**Internal reasoning**\n{THOUGHT}\n\n---\n\nHello!",
    f"[THINK]{THOUGHT}[THINK]SECRET[/THINK][/THINK]Hello!",
    f"<МЫСЛИ>{THOUGHT}</МЫСЛИ>Hello!",
    f"<think><![CDATA[{THOUGHT}]]></think>Hello!",
]
UNMARKED = [
    f"{THOUGHT}\n&lt;/think&gt;\nHello!",
    f"{THOUGHT}\n{{/think}}\nHello!",
    f"think>{THOUGHT}</think>Hello!",
    f"{THOUGHT}\n<final>Hello!</final>",
]


@pytest.mark.parametrize("answer", [*THOUGHTS, *UNMARKED], ids=str)
def test_thoughts_are_kept_apart_whatever_stands_around_them(answer: str) -> None:
    """In brackets of any kind, under headings, in comments, fields and quotations, and in any language."""
    found = read(answer, FRAME)
    assert found.text == "Hello!"
    assert "SECRET" in found.thinking


@pytest.mark.parametrize("answer", THOUGHTS, ids=str)
def test_no_piece_of_them_is_shown_while_the_answer_grows(answer: str) -> None:
    """Not even where only the end tells that they were thoughts."""
    for end in range(len(answer) + 1):
        assert "SECRET" not in growing(answer[:end], FRAME), answer[:end]


AFTER = [
    "Hello!\n### Bob:\nHow?",
    "Hello!\n\n## Bob:\nHow?",
    "Hello!\n# Bob: How?",
    "Hello!\n<Bob> How?",
    "Hello!\n<Bob>: How?",
    "Hello!\n<Bob>How?</Bob>",
    "Hello!\n[10:01] <Bob> How?",
    "Hello!\n10:01 Bob: How?",
    "Hello!\n2026-01-01 10:01 Bob: How?",
    "Hello!\n{{user}}: How?",
    "Hello!\n\n{{user}}: How?\n{{char}}: Fine",
    "Hello!\n<|Bob|>How?",
    "Hello!\n(Bob): How?",
    "Hello!\n*Bob*: How?",
    "Hello!\n**[Bob]:** How?",
    "Hello!\nBob (user): How?",
    "Hello!\nBob> How?",
    "Hello![DONE]",
    "Hello!\n[DONE]",
    "Hello![/s]",
    "Hello!<end>",
    "Hello!\n<END>",
    "Hello! [END]",
    "Hello!<|END|>",
    "Hello!<stop>",
    "Hello!</end>",
    "Hello!<EOS>",
    "Hello!</eos>",
    "Hello!\n[END OF MESSAGE]",
    "Hello!<END_OF_TURN>",
    "Hello!<|end_of_message|>",
    "Hello!<end_of_message>",
    "Hello!</response>",
    "Hello!</assistant>",
    "Hello!\n</reply>",
    "Hello!<|im_end",
    "Hello!<|im_end|",
    "Hello!<im_end>",
    "Hello!<|eot|><|header_start|>user<|header_end|>\n\nHow?",
    "Hello!</s",
    "Hello!\n<|user|>How",
    "Hello!<|eot|>",
    "Hello!\n### End",
    "Hello!<|assistant_end|>",
    "Hello!\n<message from=«Bob»>\nHow?\n</message>",
    "Hello!\n<message from=Bob at=2026>\nHow?\n</message>",
    'Hello!\n<Message from="Bob">\nHow?\n</Message>',
    'Hello!\n<message at="2026-01-01 10:01" from="Bob">\nHow?',
    "Hello!\n</message>\n\n<situation>\nx",
    "Hello!</s>USER: How?",
    "Hello!<|END_RESPONSE|><|END_OF_TURN_TOKEN|>",
    "Hello!<|role_end|><role>HUMAN</role>How?",
    "Hello!<｜hy_place▁holder▁no▁2｜>",
    "Hello![|endofturn|]",
]
AFTER_LATE = [
    "Hello!\nYou: How?\nLilith: fine",
    "Hello!\n---\nBob: How?",
    "Hello!\n***\n**Bob:** How?",
    "Hello!\n\ndata: [DONE]",
    "Hello![eos]",
    "Hello!\n&lt;message from=&quot;Bob&quot;&gt;\nHow?",
    "Hello!\nSystem: you are\nAssistant: x",
    "Hello! [inst] How? [/inst]",
    "Hello!\n<<USER>> How?",
    "Hello!\n<human>: How?\n<bot>: fine",
    "Hello!\nUser: How?\nFalcon: Fine\nUser:",
    "Hello![e~[\n]~b]user",
]


@pytest.mark.parametrize("answer", [*AFTER, *AFTER_LATE], ids=str)
def test_an_answer_ends_where_somebody_else_s_turn_begins_or_a_mark_says_so(answer: str) -> None:
    """However a model writes a name that speaks in the conversation, our header, or the end."""
    assert read(answer, FRAME).text == "Hello!"


@pytest.mark.parametrize("answer", AFTER, ids=str)
def test_nothing_of_it_is_shown_before_it_is_known(answer: str) -> None:
    """A line that may become somebody else's waits."""
    for end in range(len(answer) + 1):
        assert "Hello!".startswith(growing(answer[:end], FRAME)), answer[:end]


LEADING = [
    "{{char}}: Hello!",
    "<Lilith> Hello!",
    "### Lilith:\nHello!",
    "[Lilith]: Hello!",
    "<Lilith>Hello!</Lilith>",
    "*Lilith:* Hello!",
    "[10:01] Lilith: Hello!",
    "Lilith (assistant): Hello!",
    "Assistant: Hello!",
    "<|Lilith|>Hello!",
    "Lilith:\nHello!",
    '<message from="Lilith">Hello!</message>',
    '<MESSAGE from="Lilith">\nHello!\n</MESSAGE>',
    "<reply>Hello!</reply>",
    "<response>\nHello!\n</response>",
    "<message>\nHello!\n</message>",
    "&lt;message from=&quot;Lilith&quot;&gt;\nHello!\n&lt;/message&gt;",
    "<assistant>Hello!</assistant>",
    "**Lilith** [2026-01-01 10:00]: Hello!",
    "Lilith：Hello!",
]


@pytest.mark.parametrize("answer", LEADING, ids=str)
def test_the_own_name_and_what_wraps_the_whole_are_no_part_of_the_answer(answer: str) -> None:
    """In every form in which a turn begins."""
    assert read(answer, FRAME).text == "Hello!"


KEPT = [
    ("[thinking] Hm, let me see.", FRAME),
    ("[thinks] No.", FRAME),
    ("(thinking) I would go.", FRAME),
    ("(think about it) I would.", FRAME),
    ("{think} is a word.", FRAME),
    ("<plan>1. Buy milk\n2. Go home</plan>\nShall we?", told("make me a plan")),
    ("<plan>1. Buy milk</plan>", FRAME),
    ("<!-- a comment -->", FRAME),
    ("<!-- a comment --> is how it is written.", FRAME),
    ("<!-- head -->\n<div>x</div>", FRAME),
    ("<!-- head -->\nthen the body", told("how do comments work in HTML?")),
    ("Thought: it is late.\nAnswer: go home.", told("show me your reasoning first")),
    ("Thoughts: none.", FRAME),
    ("Thinking: is hard.", FRAME),
    ("**Thoughts:** I like it.", FRAME),
    ('{"thought": "x", "reply": "y"}', told("give me JSON with a thought and a reply")),
    ('{"name": "x", "reply": "y"}', FRAME),
    ("**Reasoning** is what I do.\n\nIt is hard.", FRAME),
    ("### Thoughts\nI like it.\n\nYou?", FRAME),
    ("> **Thinking**\n> about it", FRAME),
    ("> thinking of you\n\nSame.", FRAME),
    ("I planned (thoughtfully) a trip {think big}!", FRAME),
    ("The set {thought, deed} is small.", FRAME),
    ("a [[link]] and [[think]] twice", FRAME),
    ("Let me see.\n<answer>42</answer>", FRAME),
    ("(think) it over (think) again", FRAME),
    ("Hello {world} (there) {", FRAME),
    ("f(t", FRAME),
    ("{t", FRAME),
    ("||spoiler|| text", FRAME),
    ("||He did it.||", FRAME),
    ("Hello there.\n### Bob\nHe is the cook.", FRAME),
    ("I know him.\n### Bob:\nHe is the cook.", told("tell me about Bob")),
    ("They are two.\n### Bob:\nthe cook\n### Eve:\nthe smith", FRAME),
    ("See.\n<b>Bold</b>", FRAME),
    ("I told him.\n@Bob: go home.", FRAME),
    ("It is so.\n\n**Bob**\nis a name.", FRAME),
    ("Three.\n10:00 lunch\n11:00 tea", FRAME),
    ("As a card:\n{{user}}: hi\n{{char}}: hello", FRAME),
    ("It goes so.\n{{user}}: hi\n{{char}}: hello", told("what is {{user}}?")),
    ("Assistant: one who helps.", told("define assistant")),
    ("AI: a field of study.", FRAME),
    ("Response: slow.", FRAME),
    ("*Lilith: a* b", FRAME),
    ("<Lilithia> is a tag.", FRAME),
    ("Write back with [DONE]", FRAME),
    ("- washing. [DONE]\n- cooking. [DONE]", FRAME),
    ("I am done [DONE]", FRAME),
    ("When finished, say [END]", FRAME),
    ("Reply: ok [s]", FRAME),
    ("x[s]", FRAME),
    ("It ends. [DONE]", told("end every answer with [DONE]")),
    ("<response>x</response>", told("answer in <response>")),
    ("<reply>a</reply> and <reply>b</reply>", FRAME),
    ("<message>This is XML</message>", FRAME),
    ("a -> b\nc -> d", FRAME),
    ("Bob > Eve\nin strength.", FRAME),
    ("He said.\nBob > Eve always.", FRAME),
    ("x\n<3 you", FRAME),
    ("She said\n<Bobby> no", FRAME),
    ("One.\nYou: the hero.\nHim: the rogue.", FRAME),
    ("Me: asleep\nYou: what?", FRAME),
    ("Roles.\nSystem: Linux\nPlayer: 2", FRAME),
    ("Score\nPlayer: 3", FRAME),
    ("It was 10:01 Bob: said so.", FRAME),
    ("Use List<Bob> here\nand <Bob>", FRAME),
    ("Hi.\n(Bob is late)", FRAME),
    ("He cried.\n---\nThen he left.", FRAME),
    ("---\nA rule first.", FRAME),
    ("The end.\n***", FRAME),
    ("### End\nof the story", FRAME),
    ("The XML is\n<a><response>x</response></a>", FRAME),
    ("f#: x <| f", FRAME),
    ("> Bob: hi\n> Eve: ho\nI saw.", FRAME),
]


@pytest.mark.parametrize(("answer", "frame"), KEPT, ids=range(len(KEPT)))
def test_an_answer_that_only_looks_so_is_delivered_whole(answer: str, frame: PromptFrame) -> None:
    """A stage direction, a list, a heading, a plan that was asked for: what a person was told is not eaten."""
    assert read(answer, frame).text == answer


@pytest.mark.parametrize(
    ("answer", "delivered"),
    [
        ("<think>one two three</think>**Hello** there", "**Hello** there"),
        ("one two three\n</think>**Hello** there", "**Hello** there"),
        ("<think>a **b**</think>**Hello** there", "**Hello** there"),
        ("Lilith: meet at (10:30) there", "meet at (10:30) there"),
        ("*Lilith: so* she said", "*Lilith: so* she said"),
        ("[thinking] Hm.", "[thinking] Hm."),
    ],
)
def test_what_stands_beside_a_mark_stays(answer: str, delivered: str) -> None:
    """Signs of bold and times belong to the answer."""
    assert read(answer, FRAME).text == delivered
