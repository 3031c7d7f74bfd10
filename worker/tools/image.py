"""Has a picture made: it is a job of its own, asked for in one append with the use, so that neither waits for the other nor costs it."""

from engine.decide.job import job_id
from engine.events.build import Cause, new
from engine.events.job import JobRequested
from engine.resources.craft.tools import Drawing, Unusable
from engine.resources.typed import tidy
from worker.jobs import draw
from worker.tools.using import ToolOutcome, ToolUse


async def run(using: ToolUse, arguments: Drawing) -> ToolOutcome:
    """That it will come. Raises Unusable."""
    turn, prompt = using.turn, tidy(arguments.prompt)
    if not prompt:
        raise Unusable("Say what the picture shows.")
    about = draw.about(turn.turn, using.step, using.index)
    event = JobRequested(
        job_id=job_id(draw.NAME, about),
        name=draw.NAME,
        about=about,
        asked_by=turn.user_id,
        people=(turn.user_id,),
        personal={"prompt": prompt, "alt": tidy(arguments.alt)},
    )
    return ToolOutcome(
        "It is being made, and will stand below your reply.", effects=(new(event, using.id("draw"), cause=Cause(turn.turn)),)
    )
