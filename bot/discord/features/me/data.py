"""What `/me export` and `/me delete` do: ask for the job, wait a while, hand over or tell."""

import asyncio
from uuid import UUID

from bot.discord import custom_ids
from bot.discord.answers import Interaction, Told, answer, open_form
from bot.discord.components import button, form, row, text_input
from bot.discord.context import Context
from bot.discord.custom_ids import Press, Values
from bot.discord.limits import UPLOAD
from bot.discord.payload import Json
from bot.discord.presses import Handler, submitted
from engine import clock, erasure
from engine.actor import Actor
from engine.decide.rejected import Rejected
from engine.store import Log
from projections.archive import exports
from projections.models import jobs
from projections.models.jobs import Job

WAITED_SECONDS = 240.0
"""An interaction can be answered for a quarter of an hour."""
LOOK_SECONDS = 0.5
SENTENCE = "delete my data"
KEPT = (
    "What stays: numbers without your words (how many answers, what they cost), your id where a moderator denied you, and what"
    " others said. Characters of yours are gone with their texts. Discord's own messages are yours to delete there."
)


async def export(context: Context, actor: Actor) -> Told:
    """The person's archive as a file for them alone, or how to get it. Raises Rejected."""
    job = await _ended(context.log, await exports.ask(context.log, exports.EXPORT, actor))
    if not job.over:
        return Told("It is being made. Use `/me export` again in a few minutes: it is kept for you for a day.")
    content = await exports.fetch(context.log, job)
    if content is None:
        raise Rejected(f"It could not be made: {job.why or 'it has expired'}. Try again later.")
    if len(content) > UPLOAD:
        megabytes = len(content) / 2**20
        owner = f"Ask the bot's owner for `tzurot export person {actor.user_id}`."
        return Told(f"Your archive has {megabytes:,.0f} MB, more than Discord takes. {owner}")
    told = ["Everything you own or said here, as JSON and to read. Only you see this; keep the file where only you can read it."]
    counts = (job.result or {}).get("counts")
    told += ["-# " + ", ".join(f"{count:,} {name}" for name, count in counts.items())] if isinstance(counts, dict) else []
    return Told("\n".join(told), file=(exports.file_name(actor.user_id), content))


async def preview(context: Context, actor: Actor) -> Told:
    """What deleting would do, with the button that asks for the typed confirmation."""
    would = await erasure.preview(context.log, actor.user_id)
    if not would.had_key:
        raise Rejected("There is nothing of yours here.")
    files = sum(would.deleted.values())
    told = [
        "**This deletes everything you said or made here, for good.** Nobody can bring it back, and it works in backups made from then on.",
        f"{would.events:,} things you said, were answered or made become unreadable, and {files:,} files and records go. {KEPT}",
        "`/me export` gives you a copy first.",
    ]
    return Told("\n".join(told), (row(button(custom_ids.DELETE_ME.id(), "Delete my data", "red")),))


async def _delete(context: Context, actor: Actor, typed: str) -> str:
    if " ".join(typed.casefold().split()) != SENTENCE:
        raise Rejected(f"Nothing was deleted: use `/me delete` again and type `{SENTENCE}` into its form.")
    job = await _ended(context.log, await exports.ask(context.log, exports.ERASE, actor))
    if job.status == "completed":
        still = (job.result or {}).get("still_in")
        older = " Backups from before still hold it; the bot's owner was told which to delete." if still else ""
        return f"Your data is deleted. What you write from now on is new.{older}"
    if job.over:
        raise Rejected(f"It could not be deleted: {job.why}. Try again, or tell the bot's owner.")
    return "It is being deleted, and goes on whatever happens."


async def _ended(log: Log, job_id: UUID) -> Job:
    """The job when it is over, or as it is after WAITED_SECONDS."""
    until = clock.monotonic() + WAITED_SECONDS
    while True:
        async with log.pool.connection() as connection:
            found = await jobs.get(connection, job_id)
        if found is not None and (found.over or clock.monotonic() > until):
            return found
        if clock.monotonic() > until:
            raise Rejected("It was asked for, and will be made. Look again in a few minutes.")
        await asyncio.sleep(LOOK_SECONDS)


def handlers(context: Context) -> dict[Press, Handler]:
    """The button of the preview, and the form in which the sentence is typed."""

    async def pressed(interaction: Interaction, _: Values) -> None:
        async def work() -> Json:
            line = text_input("typed", f"Type: {SENTENCE}", most=40, long=False, required=True)
            return form(custom_ids.DELETE_ME_TYPED.id(), "Delete everything of mine", [line])

        await open_form(interaction, work)

    async def typed(interaction: Interaction, _: Values) -> None:
        text = submitted(interaction).get("typed", "")

        async def work() -> str:
            return await _delete(context, context.actor(interaction), text)

        await answer(interaction, work)

    return {custom_ids.DELETE_ME: pressed, custom_ids.DELETE_ME_TYPED: typed}
