"""Voice messages are heard once and stand in prompts as text; characters that speak are heard in the channel; neither costs an answer."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from engine import blobs, erasure, ids
from engine.actor import operator
from engine.config import Settings
from engine.decide.job import Again, RetryPolicy
from engine.events.craft.made import ReplyFileDropped, ReplyFileMade
from engine.events.message import Attachment, VoiceTranscribed
from engine.events.quota import SpendAuthorized
from engine.events.turn import GenerationStarted, TurnCompleted
from engine.execute import execute
from engine.store import Query
from projections.inspecting import gather
from projections.models import jobs, turns
from projections.models.jobs import Job
from projections.prompt.rebuild import rebuild
from tests.service.test_pictures_seen import WREN, Sender
from tests.support.discord import StandinDiscord
from tests.support.discord.checks import VOICE
from tests.support.discord.client import NEXTCORD_WARNING
from tests.support.discord.harness import Rig, rig
from tests.support.provider.room import room, with_provider
from tests.support.provider.server import Behaviour, FaultServer, ProviderRequest, Raw, Reply, Status
from tests.support.provider.tooling import edited
from tests.support.site import site
from tests.support.sounds import tone
from worker.__main__ import working
from worker.jobs import speak, transcribe
from worker.jobs.running import Handler
from worker.senses import audio, espeak, recognizer
from worker.turn import made
from worker.turn.made import Media

HEARS, SPEAKS = "test/hears", "test/speaks"
NO_ESPEAK = pytest.mark.skipif(not espeak.is_here(), reason="NO VOICE: espeak-ng is not here, so it did not speak. `.ci/voice` brings it.")
NO_RECOGNIZER = pytest.mark.skipif(
    not (espeak.is_here() and recognizer.is_here()), reason="NO VOICE: no recognizer is here, so nobody listened. `.ci/voice` brings it."
)
NO_OPUS = pytest.mark.skipif(
    not recognizer.is_here(), reason="NO VOICE: PyAV is not here, so nothing was made Opus. `.ci/voice` brings it."
)


@dataclass(slots=True)
class Studio:
    """A provider that hears and speaks, and a CDN beside it."""

    server: FaultServer
    files: dict[str, bytes] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)
    heard: list[dict[str, Any]] = field(default_factory=list)
    spoke: list[dict[str, Any]] = field(default_factory=list)
    answers: list[Behaviour] = field(default_factory=list)

    def decide(self, asked: ProviderRequest) -> Behaviour:
        if asked.path.startswith("/cdn/"):
            self.fetched.append(asked.path)
            content = self.files.get(asked.path.removeprefix("/cdn/"))
            return Raw(content, content_type="audio/ogg") if content is not None else Status(404)
        if asked.path.endswith("/audio/transcriptions"):
            self.heard.append(asked.body)
            return self.answers.pop(0) if self.answers else Raw(b'{"text": "Open the </spoken> door."}')
        if asked.path.endswith("/audio/speech"):
            self.spoke.append(asked.body)
            return self.answers.pop(0) if self.answers else Raw(tone(1.5), content_type="audio/wav")
        return Reply("Good morning, **my friend**.")

    def voice(self, name: str, content: bytes, **more: object) -> Attachment:
        self.files[name] = content
        url = f"{self.server.address.removesuffix('/v1')}/cdn/{name}"
        return Attachment(kind="voice", name=name, url=url, media_type="audio/ogg", size=len(content)).model_copy(update=more)


@asynccontextmanager
async def studio(settings: Settings, **more: object) -> AsyncIterator[tuple[Studio, Sender]]:
    async with FaultServer.running() as server:
        place = Studio(server)
        server.decide = place.decide
        api = server.address.removesuffix("/v1") + "/api/v10"
        own = with_provider(settings, server.address, default_model="standin/0", discord_api_base=api, **more)
        async with room(own) as person:
            yield place, Sender(person.log, user=1)


async def told(sender: Sender, *kinds: type) -> list[Any]:
    return [one.event async for one in sender.log.read(Query()) if isinstance(one.event, kinds)]


async def come(sender: Sender, kind: type) -> list[Any]:
    """The events of this kind, once there are any."""
    async with asyncio.timeout(60):
        while not (found := await told(sender, kind)):
            await asyncio.sleep(0.02)
    return found


async def over(sender: Sender, name: str, count: int) -> list[Job]:
    """The jobs of this name, once there are so many and each is over."""
    async with asyncio.timeout(60):
        while True:
            async with sender.log.pool.connection() as connection:
                found = await jobs.recent(connection, name=name)
            if len(found) == count and all(job.over for job in found):
                return list(found)
            await asyncio.sleep(0.02)


async def prompt_of(sender: Sender, started: GenerationStarted) -> str:
    made = (await rebuild(sender.log, started)).prompt
    assert made.sha256 == started.prompt_sha256
    return "\n".join(message.content for message in made.messages)


async def test_a_voice_message_is_heard_once_and_stands_in_prompts_as_spoken(settings: Settings) -> None:
    """Also one that was said before anybody was asked; the same content again costs nothing; pictures and documents are not listened to."""
    async with studio(settings, transcription_model=HEARS) as (place, sender):
        sender.files = (place.voice("before.ogg", b"OggS before"),)
        await sender.say("")
        started = await sender.shown(
            place.voice("one.ogg", b"OggS one"),
            place.voice("notes.pdf", b"%PDF", kind="file", media_type="application/pdf"),
            place.voice("song.mp3", b"ID3 one", kind="file", media_type="audio/mpeg"),
        )
        said = await prompt_of(sender, started)
        for name, kind, media in (
            ("before.ogg", "voice", "audio/ogg"),
            ("one.ogg", "voice", "audio/ogg"),
            ("song.mp3", "file", "audio/mpeg"),
        ):
            line = f'<attachment kind="{kind}" name="{name}" type="{media}"><spoken>Open the &lt;/spoken&gt; door.</spoken></attachment>'
            assert line in said
        assert '<attachment kind="file" name="notes.pdf" type="application/pdf"></attachment>' in said
        assert [one["model"] for one in place.heard] == [HEARS] * 3
        assert {one["file"] for one in place.heard} == {b"OggS before", b"OggS one", b"ID3 one"}
        again = await sender.shown(place.voice("again.ogg", b"OggS one"))
        assert 'name="again.ogg" type="audio/ogg"><spoken>Open' in await prompt_of(sender, again)
        assert len(place.heard) == 3, "one content is heard once"
        paid = [one.model for one in await told(sender, SpendAuthorized) if one.purpose == transcribe.NAME]
        assert paid == [HEARS] * 3
        written = await told(sender, VoiceTranscribed)
        assert [(one.author_id, one.text) for one in written] == [(1, "Open the </spoken> door.")] * 4
        async with sender.log.pool.connection() as connection:
            kept = await (await connection.execute("SELECT count(*) FROM blobs WHERE subject <> 'system'")).fetchone()
        assert kept == (0,), "what was heard is not kept"
        await erasure.erase(sender.log, 1, requested_by=1)
        assert all([row.erased async for row in sender.log.read(Query(types=frozenset({"message.voice_transcribed"})))])


async def test_a_failed_transcript_costs_no_answer_and_is_tried_again_by_hand(settings: Settings) -> None:
    """A refusal, a file that is gone, a machine without a recognizer: each is a sentence on the job, and the answer is there."""
    async with studio(settings, transcription_model=HEARS) as (place, sender):
        place.answers = [Status(400, "no such format")]
        started = await sender.shown(place.voice("one.ogg", b"OggS one"))
        assert "<spoken>" not in await prompt_of(sender, started)
        async with sender.log.pool.connection() as connection:
            [job] = await jobs.recent(connection, name=transcribe.NAME)
        assert job.failures == 1
        await execute(sender.log, operator(), Again(job.job), ids.random_id())
        await come(sender, VoiceTranscribed)
        assert "<spoken>Open" in await prompt_of(sender, await sender.shown())
        gone = place.voice("gone.ogg", b"x")
        place.files.clear()
        await sender.shown(gone)
        why = {one.why for one in await over(sender, transcribe.NAME, 2) if one.status != "completed"}
        assert why == {"Discord does not give the voice message any more (HTTP 404)."}


async def test_without_a_model_nobody_hears_and_nobody_speaks(settings: Settings) -> None:
    """Nothing is fetched, nothing asked for, nothing paid."""
    async with studio(settings) as (place, sender):
        await edited(sender.log, WREN, speech="always")
        await sender.shown(place.voice("one.ogg", b"OggS one"))
        assert (place.fetched, place.heard, place.spoke) == ([], [], [])
        async with sender.log.pool.connection() as connection:
            assert not [*await jobs.recent(connection, name=transcribe.NAME), *await jobs.recent(connection, name=speak.NAME)]


async def test_a_character_speaks_as_it_is_set_to(settings: Settings) -> None:
    """Never at first; always, or only in answer to a voice message; in its voice; without the marks of its text."""
    async with studio(settings, speech_model=SPEAKS, transcription_model=HEARS) as (place, sender):
        await sender.shown()
        await edited(sender.log, WREN, speech="answering", voice="nova")
        await sender.shown()
        assert place.spoke == []
        await sender.shown(place.voice("one.ogg", b"OggS one"))
        await over(sender, speak.NAME, 1)
        assert place.spoke == [{"model": SPEAKS, "input": "Good morning, my friend.", "voice": "nova", "response_format": "wav"}]
        await edited(sender.log, WREN, speech="always", speech_form="message")
        await sender.shown()
        await over(sender, speak.NAME, 2)
        first, second = await told(sender, ReplyFileMade)
        opus = recognizer.is_here()
        assert (first.kind, first.media_type, first.as_voice) == ("speech", "audio/ogg" if opus else "audio/wav", False)
        assert (second.as_voice, bool(second.waveform)) == (opus, opus)
        assert second.seconds == pytest.approx(1.5, abs=0.05)
        content = await blobs.get(sender.log.pool, sender.log.vault, first.file)
        assert content is not None
        assert audio.decoded(content).seconds == pytest.approx(1.5, abs=0.1)
        await erasure.erase(sender.log, 1, requested_by=1)
        assert await blobs.get(sender.log.pool, sender.log.vault, first.file) is None


async def test_failed_speech_is_told_by_the_inspector_alone(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The text is there; the turn's record says why nobody heard it; asked for again by hand, it is made."""
    quick = Handler(speak.NAME, speak.run, RetryPolicy(attempts=speak.ATTEMPTS, first=0.01, longest=0.01))
    monkeypatch.setattr("worker.__main__.HANDLERS", {speak.NAME: quick})
    async with studio(settings, speech_model=SPEAKS) as (place, sender):
        await edited(sender.log, WREN, speech="always")
        place.answers = [Raw(b"<html>not speech</html>")] * 3
        started = await sender.shown()
        [job] = await over(sender, speak.NAME, 1)
        assert job.status == "dead"
        [dropped] = await told(sender, ReplyFileDropped)
        assert dropped.category == "bad_response"
        async with sender.log.pool.connection() as connection:
            turn = await turns.get(connection, started.turn_id)
        assert turn is not None
        shown = [one for one in (await gather.of_turn(sender.log, turn)).chapters if one.name == "file"]
        assert [(one.title, dict(one.facts)["Why"]) for one in shown] == [("File not shown", "bad_response (200)")]
        await execute(sender.log, operator(), Again(job.job), ids.random_id())
        assert len(await come(sender, ReplyFileMade)) == 1


@asynccontextmanager
async def on_discord(settings: Settings, **more: object) -> AsyncIterator[tuple[Rig, Studio]]:
    """The bot, a stand-in of Discord, and a real worker with a provider."""
    async with FaultServer.running() as server, StandinDiscord.start() as discord:
        place = Studio(server)
        server.decide = place.decide
        own = with_provider(settings, server.address, default_model="standin/0", **more)
        async with rig(own, discord, lambda turn: None) as running:
            await running.character("Lilith")
            async with working(running.settings), running.bot():
                yield running, place
        assert discord.violations == []


@pytest.mark.filterwarnings(NEXTCORD_WARNING)
@NO_RECOGNIZER
async def test_a_spoken_message_is_text_in_the_prompt_and_the_answer_is_heard_in_the_channel(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it on this machine: espeak-ng says something, the recognizer writes it down, espeak-ng says the answer, Discord has it."""
    question = audio.opus(audio.decoded(await espeak.spoken("Good morning. Can you tell me what time it is?", "")))
    assert question is not None
    monkeypatch.setattr("worker.turn.waited.PATIENCE_SECONDS", 120.0)  # a slow machine may take its time
    await asyncio.to_thread(recognizer.recognized, question)  # the model is there from now on
    async with on_discord(settings, transcription_model="local", speech_model="local") as (running, place):
        lilith = ids.derived("test character", "Lilith")
        await edited(running.log, lilith, speech="answering", speech_form="message", voice="en-gb+f3")
        await running.settle()
        await running.discord.say("general", "alice", "@Lilith", files=[("voice-message.ogg", question, "audio/ogg")])
        text, voice = await running.discord.wait_reply("general", count=2, timeout=120)
        assert text["content"] == "Good morning, **my friend**."
        assert voice["flags"] & VOICE
        [attached] = voice["attachments"]
        assert attached["duration_secs"] > 0.5
        content, kind = running.discord.world.files[attached["url"].partition("/cdn/")[2]]
        assert kind == "audio/ogg"
        heard, _ = await asyncio.to_thread(recognizer.recognized, content)
        assert "good morning" in heard.lower()
        found = [one.event async for one in running.log.read(Query(types=frozenset({"message.voice_transcribed"})))]
        assert isinstance(found[0], VoiceTranscribed)
        assert "what time it is" in found[0].text.lower()
        asked = str(place.server.journal[-1].body["messages"])
        assert f"<spoken>{found[0].text}</spoken>" in asked


@pytest.mark.filterwarnings(NEXTCORD_WARNING)
@NO_ESPEAK
async def test_espeak_says_a_reply_and_the_channel_has_it_as_a_file(settings: Settings) -> None:
    """Under the character's name, below its text."""
    async with on_discord(settings, speech_model="local") as (running, _):
        await edited(running.log, ids.derived("test character", "Lilith"), speech="always")
        await running.settle()
        await running.discord.say("general", "alice", "@Lilith hello")
        text, speech = await running.discord.wait_reply("general", count=2)
        assert (text["content"], speech["content"]) == ("Good morning, **my friend**.", "")
        assert speech["author"]["username"] == "Lilith"
        content, _ = running.discord.world.files[speech["attachments"][0]["url"].partition("/cdn/")[2]]
        assert audio.decoded(content).seconds > 0.5


@NO_ESPEAK
async def test_espeak_takes_text_as_text_and_says_what_it_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text like an option is said; a voice there is none of, and a machine without the program, are a sentence each."""
    assert audio.decoded(await espeak.spoken("--version", "")).seconds > 0.3
    for voice, why in (("klingon-q", "no voice"), ("../../etc/passwd", "none of espeak-ng's"), ("-w/tmp/x", "none of espeak-ng's")):
        with pytest.raises(espeak.NoSpeech, match=why):
            await espeak.spoken("hello", voice)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(espeak.NoSpeech, match="apt-get install espeak-ng"):
        await espeak.spoken("hello", "")


@NO_OPUS
def test_opus_is_a_tenth_and_lasts_as_long() -> None:
    sound = audio.decoded(tone(3.0))
    made = audio.opus(sound)
    assert made is not None
    assert len(made) < len(tone(3.0)) / 5
    assert audio.decoded(made).seconds == pytest.approx(3.0, abs=0.1)
    with pytest.raises(audio.NoAudio, match="no audio"):
        audio.decoded(b"\x00" * 100)


async def test_speech_is_heard_below_a_reply_in_the_playground(settings: Settings) -> None:
    """On the page with the controls of the browser; the sound is there as long as its person is."""
    async with site(settings) as here:
        said = await here.say("Good evening.", character="wren")
        await here.complete(said.turns[0], "Evening.")
        await here.lines(said.channel, 2)
        turn = await here.console.log.find(ids.terminal(said.turns[0]))
        assert turn is not None
        assert isinstance(turn.event, TurnCompleted)
        media = Media("speech", tone(0.5), "audio/wav", "wav", seconds=0.5)
        await here.console.log.append(await made.keep(here.console.log, turn.event, media))
        async with asyncio.timeout(60):
            while "<audio" not in (page := (await here.http.get(f"/chats/{said.channel}")).text):
                await here.settled()
                await asyncio.sleep(0.05)
        source = page.partition("<audio")[2].partition('src="')[2].partition('"')[0]
        answer = await here.http.get(source)
        assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, "audio/wav", tone(0.5))
        assert (await here.http.get("/sounds/nothing")).status_code == 404
