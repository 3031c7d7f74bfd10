"""Describes a picture on a message in words, once per person and content: the same picture again costs nothing."""

from pydantic import JsonValue

from engine import ids
from engine.blobs import pictures as files
from engine.decide.job import RetryPolicy
from engine.events.base import Event
from engine.events.build import new
from engine.events.message import MessageReceived, PictureDescribed
from engine.events.preset import Parameters
from engine.resources.typed import tidy
from engine.store import Recorded
from worker.jobs import keep_picture
from worker.jobs.running import GiveUp, Handler, Result, RunningJob
from worker.senses import pictures

NAME = "describe_image"
LONGEST = 2000
"""Characters of a description that are kept."""
ASKED = (
    "Describe this picture for somebody who cannot see it and takes part in the conversation it was sent to. Say what it shows, in what"
    " style, and quote any text in it. At most 120 words, no introduction, no opinion about whether to answer."
)


def about(message_id: int, number: int) -> str:
    """What the job of a message's picture is about. Pure."""
    return f"{message_id}:{number}"


async def run(job: RunningJob) -> Result:
    """Fetch, keep, look, record. A failed attempt finds the picture kept, so that an address that ran out is no obstacle."""
    recorded, message, number = await keep_picture.asked(job)
    if number >= len(found := pictures.files(message)):
        raise GiveUp("The message has no such picture.")
    address, content = await keep_picture.kept(job, found[number].url, message.author_id)
    known = await _described(job, recorded, message, number, address, content)
    return {"picture": address, "looked": known}


async def _described(
    job: RunningJob, recorded: Recorded[Event], message: MessageReceived, number: int, address: str, content: bytes
) -> bool:
    """Record what the picture shows; whether a model had to look. The first description of a content has an id made of its address."""
    log, first = job.work.log, ids.derived("picture", address)
    earlier = await log.find(first)
    if earlier is None:
        model = await pictures.model(job.work)
        if model is None:
            raise GiveUp("No model that sees is set. Set VISION_MODEL.")
        event = _event(message, number, address, model, await _look(job, model, content))
        if not (await log.append(new(event, first, cause=recorded))).repeated:
            return True
        earlier = await log.find(first)
    if earlier is not None and isinstance(said := earlier.event, PictureDescribed) and not earlier.erased:
        if (said.message_id, said.number) != (message.message_id, number):
            event = _event(message, number, address, said.model, said.text)
            await log.append(new(event, ids.derived("picture-described", message.message_id, number), cause=recorded))
        return False
    raise GiveUp("Whoever sent it was erased.")


async def _look(job: RunningJob, model: str, content: bytes) -> str:
    url = files.data_url(content)
    parts: list[JsonValue] = [{"type": "text", "text": ASKED}, {"type": "image_url", "image_url": {"url": url}}]
    parameters = Parameters(temperature=0.2, max_tokens=600)
    completion = await job.call(model, [{"role": "user", "content": parts}], purpose=NAME, parameters=parameters)
    return tidy(completion.text)[:LONGEST]


def _event(message: MessageReceived, number: int, address: str, model: str, text: str) -> PictureDescribed:
    return PictureDescribed(
        message_id=message.message_id,
        channel_id=message.channel_id,
        guild_id=message.guild_id,
        author_id=message.author_id,
        venue=message.venue,
        number=number,
        picture=address,
        model=model,
        name=pictures.files(message)[number].name,
        text=text,
    )


HANDLER = Handler(NAME, run, RetryPolicy(attempts=4, first=5.0, longest=900.0), at_once=4)
