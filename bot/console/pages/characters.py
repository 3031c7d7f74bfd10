"""The characters: a gallery, and a form for a new one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from bot.console import shapes, speak
from bot.console.pages import playground
from bot.console.render import go, page, problem
from bot.console.state import OPERATOR, Console, console_of
from engine import ids
from engine.decide.character import slug_of
from engine.events.character import CharacterCreated, Description
from projections.follow import runner
from projections.models import catalog

LIMITS: Mapping[str, int] = {"name": 100, "slug": 50, "info": 4000, "traits": 4000, "tone": 500, "greeting": 1000}
"""Characters per field of the form."""
_SLUG = re.compile(r"[a-z][a-z0-9-]{2,49}")


@dataclass(frozen=True, slots=True)
class Draft:
    """A filled-in form, and what is wrong with it by field."""

    values: Mapping[str, str]
    wrong: Mapping[str, str] = field(default_factory=dict)


def check(values: Mapping[str, str]) -> Draft:
    """The form with its blanks filled and its problems named. Pure."""
    clean = {name: values.get(name, "").replace("\r\n", "\n").strip() for name in LIMITS}
    clean["name"] = " ".join(clean["name"].split())
    clean["slug"] = clean["slug"] or (slug_of(clean["name"]) if clean["name"] else "")
    wrong = {
        name: f"At most {limit:,} characters; these are {len(clean[name]):,}." for name, limit in LIMITS.items() if len(clean[name]) > limit
    }
    if not clean["name"]:
        wrong["name"] = "A character needs a name."
    elif not any(c.isalnum() for c in clean["name"]):
        wrong["name"] = "A name needs a letter or a digit, so that it can be called."
    if not clean["info"] and not clean["traits"]:
        wrong["info"] = "Say at least in one sentence who this is."
    if clean["slug"] and not _SLUG.fullmatch(clean["slug"]) and "slug" not in wrong:
        wrong["slug"] = "3 to 50 small letters, digits and hyphens, beginning with a letter."
    return Draft(clean, wrong)


async def gallery(request: Request) -> Response:
    """`GET /characters`."""
    cast = await speak.cast_of(console_of(request))
    return page(request, "characters.html", {"cast": cast, "operator": OPERATOR}, section="Characters")


async def new(request: Request) -> Response:
    """`GET /characters/new`."""
    return _form(request, Draft(dict.fromkeys(LIMITS, "")))


def _form(request: Request, draft: Draft, status: int = 200) -> Response:
    return page(request, "character_new.html", {"draft": draft, "limits": LIMITS}, section="Characters", status=status)


async def create(request: Request) -> Response:
    """`POST /characters`: a new private character of the operator's, and on to a chat with it."""
    console, form = console_of(request), await request.form()
    draft = check({name: playground.field(form, name) for name in LIMITS})
    if "slug" not in draft.wrong and draft.values["slug"] and await _taken(console, draft.values["slug"]):
        draft = Draft(
            draft.values, {**draft.wrong, "slug": f"There is a character called {draft.values['slug']} already. Choose another short name."}
        )
    if draft.wrong:
        return _form(request, draft, 422)
    try:
        created = created_from(draft.values)
    except ValidationError:
        return problem(request, 422, "That character could not be made", "A field holds something that cannot be stored.")
    position = await speak.create(console, created)
    await runner.wait_for(console.log.pool, ("catalog",), position, seconds=2.0)
    return go(f"/?character={created.slug}")


async def _taken(console: Console, slug: str) -> bool:
    async with console.log.pool.connection() as connection:
        return await catalog.by_slug(connection, console.log.vault, slug) is not None


def created_from(values: Mapping[str, str]) -> CharacterCreated:
    """The event. A second submission of the same form finds the slug taken."""
    description = Description.model_validate({name: text for name, text in values.items() if name != "slug"})
    return CharacterCreated(
        character_id=ids.random_id(), owner_id=OPERATOR, slug=values["slug"], visibility="private", description=description
    )


async def face(request: Request) -> Response:
    """`GET /avatars/{character}.svg`: never changes."""
    character: UUID = request.path_params["character"]
    headers = {"cache-control": "private, max-age=31536000, immutable"}
    return Response(shapes.face(character), media_type="image/svg+xml", headers=headers)
