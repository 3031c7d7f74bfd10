"""Prompts of whole logs: what the worker sends is what the log gives again, whatever was edited, deleted, forwarded and answered."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bot import editing
from engine import clock, ids, seed
from engine.actor import person
from engine.decide.places import persona, profile
from engine.events import Event, Tags, build
from engine.events.build import Cause
from engine.events.channel import ContextReset
from engine.events.message import Attachment, Forward, MessageDeleted, MessageEdited, MessageReceived
from engine.events.reply import ChunkDelivered
from engine.events.turn import GenerationStarted, PromptSection, TurnCompleted, TurnRequested, Usage
from engine.execute import execute
from engine.resources.kinds import PRESET
from engine.resources.places.kinds import PERSONA
from engine.resources.places.persona import PersonaSheet
from engine.store import Log, open_log
from engine.vault import MasterKey
from projections.follow import rebuild as rebuild_model
from projections.follow import runner, verify
from projections.models import windows
from projections.models.places.last_uses import LAST_USES
from projections.prompt import sections
from projections.prompt.assemble import Ingredients, Prompt, assemble
from projections.prompt.rebuild import rebuild, scene_of
from projections.prompt.section import Moment, Section, Snapshot
from projections.registry import PROMPT
from tests.unit.worker.test_prompt_sections import Fortune

ADA, EVE = (sample.character_id for sample in seed.samples()[:2])
PEOPLE = (41, 42, 43)


@dataclass
class Room:
    """One channel, and read models brought up to date whenever a prompt is made."""

    log: Log
    channel: int
    number: int = 0
    said: list[int] = field(default_factory=list)
    shown: list[int] = field(default_factory=list)
    turns: list[TurnRequested] = field(default_factory=list)

    def id(self) -> int:
        self.number += 1
        return (self.channel << 20) + self.number

    async def append(self, event: Event, turn: UUID | None = None, character: UUID | None = None) -> int:
        tags = Tags(channel=self.channel, turn=turn, character=character)
        return (await self.log.append(build.new(event, ids.random_id(), cause=Cause(tags=tags)))).positions[0]

    async def say(self, text: str, by: int = 41, **more: object) -> int:
        place = {"message_id": self.id(), "channel_id": self.channel, "venue": "discord", "author_id": by}
        await self.append(MessageReceived.model_validate(place | {"text": text, "author_name": f"Person {by}"} | more))
        self.said.append(int(str(place["message_id"])))
        return self.said[-1]

    async def request(self, message: int, character: UUID) -> TurnRequested:
        turn = ids.turn(message, character)
        event = TurnRequested.model_validate(self._of_turn(turn, message, character) | {"trigger": "name", "reason": "test"})
        await self.append(event)
        self.turns.append(event)
        return event

    async def answer(self, turn: TurnRequested, text: str) -> None:
        made = {"attempt": 1, "model": "m", "provider": "p", "finish_reason": "stop", "usage": Usage(), "text": text}
        await self.append(TurnCompleted.model_validate(self._of_turn(turn.turn_id, turn.message_id, turn.character_id) | made))
        self.shown.append(self.id())
        chunk = ChunkDelivered(turn_id=turn.turn_id, channel_id=self.channel, venue="discord", index=0, total=1, message_id=self.shown[-1])
        await self.append(chunk, character=turn.character_id)

    def _of_turn(self, turn: UUID, message: int, character: UUID) -> dict[str, object]:
        whose = {"turn_id": turn, "message_id": message, "channel_id": self.channel, "user_id": 41}
        return whose | {"character_id": character, "venue": "discord"}

    async def prompt(
        self, turn: TurnRequested, *, order: Sequence[Section] = sections.ORDER, begin: int | None = None, **more: int
    ) -> tuple[Prompt, GenerationStarted]:
        """As the worker makes it, and what it records."""
        await caught_up(self.log)
        limit = more.get("limit", 50)
        async with self.log.pool.connection() as connection:
            snapshot = Snapshot(
                connection, turn.turn_id, self.channel, turn.character_id, turn.message_id, {}, limit + 20, user=turn.user_id
            )
            chosen = await sections.select(snapshot, order)
        as_of = await self.log.head()
        scene = scene_of(turn.turn_id, turn)
        data = await sections.load(self.log, chosen, as_of, order)
        moment = Moment(turn.turn_id, more.get("window", 8_000), begin, scene)
        chosen, data = await sections.settled(self.log, chosen, data, as_of, moment, order)
        ingredients = Ingredients(scene, data, chosen, limit=limit, order=order, begin=begin)
        prompt = assemble(ingredients, more.get("budget", 100_000), thin=bool(more.get("thin")))
        started = GenerationStarted(
            turn_id=turn.turn_id,
            user_id=41,
            attempt=1,
            character_id=turn.character_id,
            model="m",
            provider="p",
            as_of=as_of,
            catalog_as_of=as_of,
            prompt_version=2,
            keeps=len(prompt.variables),
            variables=dict(prompt.variables),
            prompt_tokens=prompt.tokens,
            begins=prompt.begins,
            sections=prompt.sections,
            prompt_sha256=prompt.sha256,
        )
        return prompt, started


async def caught_up(log: Log) -> None:
    rows = [row async for row in log.rows()]
    async with log.pool.connection() as connection:
        for model in (*PROMPT, LAST_USES):
            after = await runner.install(connection, model)
            if new := [row for row in rows if row.position > after]:
                await runner.apply(connection, model, new)


@pytest.fixture
async def log(dsn: str) -> AsyncIterator[Log]:
    async with open_log(dsn, MasterKey.of(b"k" * 32)) as opened:
        await seed.plant(opened, "a/b")
        yield opened


DEEDS = st.lists(
    st.tuples(
        st.sampled_from(["say", "say", "say", "ask", "answer", "answer", "edit", "delete", "reply", "forward", "erase a reply", "reset"]),
        st.integers(0, 10**6),
        st.text(max_size=30),
    ),
    min_size=1,
    max_size=25,
)
FORTUNE = Fortune("tail")


@given(deeds=DEEDS)
@settings(max_examples=15, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
async def test_what_is_sent_is_what_the_log_gives_again(log: Log, deeds: list[tuple[str, int, str]]) -> None:
    """Over every section, a new one among them; at the time, and after everything that happened later."""
    here = Room(log, 1000 + await log.head())
    order = (*sections.ORDER, FORTUNE)
    made: list[tuple[Prompt, GenerationStarted]] = []
    await here.say("The beginning.")
    for deed, chance, text in deeds:
        if deed == "reset" and chance % 5 == 0:
            await here.append(ContextReset(channel_id=here.channel, venue="discord", by_user_id=41))
        await _do(here, deed, chance, text)
        if deed == "ask":
            made.append(await here.prompt(here.turns[-1], order=order, budget=2_000 + chance % 3_000, limit=4 + chance % 8))
    made.append(await here.prompt(await here.request(await here.say("The end."), ADA), order=order))
    for prompt, started in made:
        again = await rebuild(log, started, order)
        assert again.prompt.bytes() == prompt.bytes()
        assert again.equal
        assert [(s.name, s.refs, s.rolls) for s in again.prompt.sections] == [(s.name, s.refs, s.rolls) for s in started.sections]


async def _do(here: Room, deed: str, chance: int, text: str) -> None:
    by, character = PEOPLE[chance % 3], (ADA, EVE)[chance % 2]
    one = here.said[chance % len(here.said)]
    where = {"channel_id": here.channel, "venue": "discord"}
    file = Attachment(name=text, text=text, url="https://x/y")
    match deed:
        case "say":
            await here.say(text, by, attachments=(file,) * (chance % 2), mentioned={"42": text})
        case "ask":
            await here.request(await here.say(text, by), character)
        case "answer":
            if open_turns := [turn for turn in here.turns[-4:] if await _unanswered(here, turn)]:
                await here.answer(open_turns[chance % len(open_turns)], f"An answer. {text}")
        case "edit":
            author = await _author(here, one)
            await here.append(
                MessageEdited.model_validate(where | {"message_id": one, "author_id": author, "edited_ms": chance, "text": text})
            )
        case "delete" if len(here.said) > 3 and not any(turn.message_id == one for turn in here.turns):
            await here.append(MessageDeleted.model_validate(where | {"message_id": one}))
        case "erase a reply" if here.shown:
            await here.append(MessageDeleted.model_validate(where | {"message_id": here.shown[chance % len(here.shown)]}))
        case "reply":
            targets = [*here.said, *here.shown, 7]
            await here.say(text, by, reply_to=targets[chance % len(targets)])
        case "forward":
            await here.say("", by, forwards=(Forward(text=text, attachments=(file,)),))


async def _unanswered(here: Room, turn: TurnRequested) -> bool:
    return not [found for found in await here.log.stream(f"turn:{turn.turn_id}") if isinstance(found.event, TurnCompleted)]


async def _author(here: Room, message: int) -> int:
    [found] = [r.event for r in await here.log.stream(f"message:{message}") if isinstance(r.event, MessageReceived)]
    return found.author_id


async def test_answers_given_during_a_burst_stand_beside_their_messages_for_good(log: Log) -> None:
    """90 lines at once, answered one after the other: each prompt has every answer right after its line, and begins like the last."""
    here = Room(log, 77)
    turns = [await here.request(await here.say(f"quick {n}"), ADA) for n in range(90)]
    before: list[str] = []
    begin = None
    for number, turn in enumerate(turns):
        if number in {7, 60, 61, 89}:
            prompt, _ = await here.prompt(turn, begin=begin)
            begin = prompt.begins
            spoken = [message.content for message in prompt.messages[1:]]
            asked = [text.split("quick ")[1].split("\n")[0] for text in spoken if "quick " in text and "answer" not in text]
            answered = [text.removeprefix("answer ") for text in spoken if text.startswith("answer ")]
            assert answered == asked[:-1] == [str(n) for n in range(max(number - len(answered), 0), number)]
            assert [text.startswith("answer ") for text in spoken] == [bool(n % 2) for n in range(len(spoken))]
            if number == 61:
                assert [message.content for message in prompt.messages[:-1]][: len(before) - 1] == before[:-1]
            before = [message.content for message in prompt.messages]
        await here.answer(turn, f"answer {number}")


async def test_a_third_try_that_is_thinner_leaves_the_window_as_it_was(log: Log) -> None:
    """Four turns in a row whose reply repeats: the fourth prompt still has 50 entries, and begins with the bytes of the one before."""
    here = Room(log, 81)
    for n in range(46):
        await here.say(f"Line {n}.")
    begin, before = None, ""
    for n in range(4):
        turn = await here.request(await here.say(f"And {n}?"), ADA)
        async with log.pool.connection() as connection:
            begin = await windows.begins(connection, 81, ADA) if n else None
        whole, started = await here.prompt(turn, begin=begin)
        thin, makeshift = await here.prompt(turn, begin=begin, thin=1)
        assert (len(thin.history_ids) < len(whole.history_ids), makeshift.begins) == (True, None)
        for event in (started, makeshift):
            await here.append(event, character=ADA)
        await caught_up(log)
        said = "".join(message.content for message in whole.messages[:-1])
        assert said.startswith(before)
        assert len(whole.history_ids) == 47 + n
        before = said


async def test_a_window_never_goes_back(log: Log) -> None:
    """An older message that is answered again, or a fallback's smaller window, leaves it where it was."""
    here = Room(log, 82)
    _, started = await here.prompt(await here.request(await here.say("Hello."), ADA))
    for begins in (20, 5, None):
        await here.append(started.model_copy(update={"begins": begins}), character=ADA)
    await caught_up(log)
    async with log.pool.connection() as connection:
        assert await windows.begins(connection, 82, ADA) == 20


async def test_attachments_of_a_forward_reach_the_prompt(log: Log) -> None:
    here = Room(log, 78)
    file = Attachment(kind="image", name="map.png", text="a map of the harbour")
    message = await here.say("", forwards=(Forward(text="Look at this", attachments=(file,)),))
    prompt, _ = await here.prompt(await here.request(message, ADA))
    assert '<forwarded>\nLook at this\n<attachment kind="image" name="map.png">a map of the harbour</attachment>\n</forwarded>' in (
        prompt.messages[-1].content
    )


async def test_a_prompt_says_who_the_answered_person_is_there_and_its_record_names_it(log: Log) -> None:
    """C3: one chosen for the character before one chosen everywhere; the log gives the same bytes again, whatever is chosen later."""
    here, made = Room(log, 83), list[tuple[Prompt, GenerationStarted]]()
    ahab, ishmael = ids.random_id(), ids.random_id()
    for one, fields in ((ahab, {"name": "Ahab"}), (ishmael, {"name": "Ishmael"})):
        await execute(log, person(41), persona.Create(one, fields), ids.random_id())
    await execute(log, person(41), profile.Edit(41, None, {"about": "In truth a baker.", "prompt": "In rhymes."}), ids.random_id())
    for wear, character, called in (
        (persona.Wear(41, ahab), ADA, "Ahab"),
        (persona.Wear(41, ishmael, None, EVE), EVE, "Ishmael"),
        (persona.Wear(41, None), ADA, ""),
    ):
        await execute(log, person(41), wear, ids.random_id())
        made.append(await here.prompt(await here.request(await here.say("Well?"), character)))
        system = made[-1][0].messages[0].content
        assert ("baker" in system, "In rhymes." in system) == (not called, True)
        assert not called or f"<called>{called}</called>" in system
        refs = next(s.refs for s in made[-1][1].sections if s.name == "profile")
        assert [ref[0] for ref in refs] == ["p", *({"Ahab": "i", "Ishmael": "c"}.get(called, ""))]
    await execute(log, person(41), persona.Delete(ahab), ids.random_id())
    for prompt, started in made:
        again = await rebuild(log, started)
        assert (again.equal, again.prompt.bytes()) == (True, prompt.bytes())


async def test_presets_and_personas_say_when_they_were_used_last(log: Log) -> None:
    """C9: the hour of the last call with each, also after an edit; what never was used says nothing; folded or loaded, it is the same."""
    here, used, unused, plain = Room(log, 84), ids.random_id(), ids.random_id(), ids.random_id()
    for one, name in ((used, "Ahab"), (unused, "Ishmael")):
        await execute(log, person(41), persona.Create(one, {"name": name}), ids.random_id())
    await execute(log, person(41), persona.Wear(41, used), ids.random_id())
    for _ in range(2):
        _, started = await here.prompt(await here.request(await here.say("Well?"), ADA))
        await here.append(started.model_copy(update={"preset_id": plain}), character=ADA)
        await execute(log, person(41), persona.Edit(used, {"pronouns": "he/him"}), ids.random_id())
    await caught_up(log)
    for kind, thing, was in ((PERSONA, used, True), (PERSONA, unused, False), (PRESET, plain, True), (PRESET, unused, False)):
        found = await editing.last_used(log, editing.Item(kind, thing, 41, PersonaSheet(name="Ahab"), editable=True, listed=True))
        assert (found is not None) is was, kind.name
        assert found is None or timedelta() <= clock.now() - found < timedelta(hours=2)
    async with log.pool.connection() as connection:
        await rebuild_model.create(connection, LAST_USES, "again")
        await rebuild_model.load(connection, LAST_USES, "again", 0, await log.head())
        assert await verify.hashes(connection, "again") == await verify.hashes(connection, "last_uses")
        await connection.rollback()


async def test_what_is_answered_is_quoted_though_it_is_out_of_sight_and_not_when_it_is_gone(log: Log) -> None:
    here = Room(log, 79)
    old, gone = await here.say("The lamp is broken."), await here.say("A secret.")
    first = await here.request(old, EVE)
    await here.answer(first, "I shall mend it.")
    for n in range(30):
        await here.say(f"Talk {n}")
    await here.append(MessageDeleted(message_id=gone, channel_id=79, venue="discord"))
    answers = {target: await here.say("This one.", reply_to=target) for target in (old, here.shown[-1], gone)}
    prompt, started = await here.prompt(await here.request(await here.say("Well?"), ADA), limit=4)
    shown = [message.content for message in prompt.messages if "This one." in message.content]
    eve = seed.samples()[1].description.name
    assert len(shown) == len(answers)
    assert 'answers="Person 41" quote="The lamp is broken."' in shown[0]
    assert f'answers="{eve}" quote="I shall mend it."' in shown[1]
    assert 'answers="an earlier message">' in shown[2]
    assert (await rebuild(log, started)).equal


async def test_a_prompt_of_the_first_version_is_built_again_as_it_was(log: Log) -> None:
    """With the name in the description, the edit it had, and neither answers nor what a forward carried."""
    here = Room(log, 80)
    one = await here.say("First.", 42, forwards=(Forward(text="Seen", attachments=(Attachment(name="x.png"),)),))
    await here.answer(await here.request(one, EVE), "Mine.")
    turn = await here.request(await here.say("Second.", 43, reply_to=one), ADA)
    edit = MessageEdited(message_id=one, channel_id=80, venue="discord", author_id=42, edited_ms=1, text="First, changed.")
    await here.append(edit)
    _, started = await here.prompt(turn)
    plain = tuple(str(position) for position in started.history_ids)
    old = tuple(PromptSection(name=s.name, refs=plain if s.name == "history" else ()) for s in started.sections)
    again = await rebuild(log, started.model_copy(update={"prompt_version": 1, "sections": old}))
    system, first, reply, second = (message.content for message in again.prompt.messages)
    assert "Person 43" in system
    assert first.endswith("First, changed.\n<forwarded>\nSeen\n</forwarded>\n</message>")
    assert f'from="{seed.samples()[1].description.name}" kind="character"' in reply
    assert "answers" not in second
