"""The past: a read model, or the prompt that held, at any position of the log, which a slider chooses."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bot.console.filters import number
from bot.console.people import called
from bot.console.render import by_script, fragment, page
from bot.console.state import Console, console_of
from engine.errors import StoreError
from projections import past
from projections.follow.past_views import NotFoldedYet
from projections.registry import ALL, named
from projections.rerun import prompts_at

PROMPTS = "prompts"
"""What is looked at beside read models."""
SECONDS = 20.0
STEPS = 5
"""Of a hundred thousand positions at most is one look made up; the page goes on by itself."""
ROWS = 25
CUT = 160


@dataclass(frozen=True, slots=True)
class PastTable:
    """A table as of a position: its columns, and its latest rows as texts."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class PastQuestion:
    """What an address asks for. `channel` and `character` narrow prompts to a conversation."""

    name: str
    position: int
    head: int
    channel: int | None = None
    character: UUID | None = None

    def address(self, position: int) -> str:
        """The same at another position."""
        wanted = {"name": self.name, "position": position, "channel": self.channel, "character": self.character}
        return "/past?" + urlencode({name: value for name, value in wanted.items() if value is not None})


def asked_of(query: Mapping[str, str], head: int) -> PastQuestion:
    """An address as a question. What cannot be understood asks for nothing. Pure."""
    position = number(query.get("position", ""))
    try:
        character = UUID(query.get("character", ""))
    except ValueError:
        character = None
    return PastQuestion(
        query.get("name", "turns"), min(position if position is not None else head, head), head, number(query.get("channel", "")), character
    )


async def show(request: Request) -> Response:
    """`GET /past?name=&position=&channel=&character=`: what held at a position."""
    console = console_of(request)
    asked = asked_of(request.query_params, await console.log.head())
    held = await (_prompt(console, asked) if asked.name == PROMPTS else _tables(console, asked))
    events = await console.log.at([asked.position]) if asked.position else ()
    context = {"asked": asked, "names": [PROMPTS, *(projection.name for projection in ALL)], "event": events[0].row if events else None}
    context = {"tables": [], "sentence": "", "goes_on": False, "prompt": None, "called": None} | context | held
    if by_script(request):
        return HTMLResponse(fragment("_past.html", **context), headers={"hx-push-url": asked.address(asked.position)})
    return page(request, "past.html", context, section="The past")


async def _prompt(console: Console, asked: PastQuestion) -> dict[str, object]:
    found = await prompts_at.at(console.log, asked.position, asked.channel, asked.character)
    if found is None:
        return {"sentence": "No model had been asked for anything by then."}
    names = await called(console, places={found.channel} if found.channel is not None else ())
    return {"prompt": found, "called": names, "sentence": f"It cannot be made again: {found.why}." if found.why else ""}


async def _tables(console: Console, asked: PastQuestion) -> dict[str, object]:
    try:
        projection = named(asked.name)
        async with asyncio.timeout(SECONDS):
            tables = await past.tables(console.log, projection, asked.position, {}, limit=ROWS, opened=True, steps=STEPS)
        return {"tables": [_table(table, rows) for table, rows in tables.items()]}
    except KeyError:
        return {"sentence": "There is no such read model."}
    except NotFoldedYet as error:
        return {"sentence": f"Folding the log: {error.reached:,} of {error.position:,} events. This goes on by itself.", "goes_on": True}
    except TimeoutError:
        said = f"The machine is busy: {SECONDS:.0f} seconds were not enough. What was folded is kept; show it again to go on."
        return {"sentence": said}
    except StoreError as error:
        return {"sentence": f"That cannot be shown: {error}."}


def _table(name: str, rows: past.Rows) -> PastTable:
    columns = tuple(rows[0]) if rows else ()
    return PastTable(name, columns, tuple(tuple(short(row.get(column)) for column in columns) for row in rows[::-1]))


def short(value: object) -> str:
    """A value as a cell of a table. Pure."""
    text = "" if value is None else str(value)
    return text[:CUT] + ("…" if len(text) > CUT else "")
