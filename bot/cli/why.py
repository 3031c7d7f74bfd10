"""`tzurot why`: why a message was answered as it was, or not at all."""

from typing import Annotated

import typer

from bot.why import lines
from engine.store import Log
from engine.terminal import Json, say
from projections import why as reasons
from projections.terminal import with_log


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(why)


def why(message: Annotated[str, typer.Argument(help="Link or id of a message.")], json: Json = False) -> None:
    """Tell why a message was answered as it was, or not at all, and what to change. From the log alone."""
    wanted = reasons.message_of(message)

    async def work(log: Log) -> None:
        found = await reasons.explain(log, wanted)
        said = [line.replace("**", "").replace("`", "") for line in lines(found)]
        say(_plain(found, said), json=json, words="\n".join(said))

    with_log(work)


def _plain(found: reasons.Why, said: list[str]) -> dict[str, object]:
    """Ids, codes and the sentences; what people wrote stays out."""
    answers = [
        {
            "turn": answer.turn.turn,
            "character": answer.who,
            "status": answer.turn.status,
            "trigger": answer.turn.trigger,
            "model": answer.turn.model,
            "versions": answer.versions,
            "version": answer.place,
            "shown": answer.live,
            "undelivered": answer.undelivered,
            "made_from_versions_not_shown": answer.behind,
        }
        for answer in found.answers
    ]
    declined = [{"gate": reason.gate, "character": who or None} for reason, who in found.declined]
    return {"message": found.message_id, "read": found.channel is not None, "answers": answers, "declined": declined, "lines": said}
