"""Pictures on messages: which there are, their bytes, and the model that looks at them."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from engine import blobs
from engine.blobs.pictures import MOST_BYTES
from engine.config import Settings
from engine.events.message import Attachment, MessageReceived
from engine.fault import Category, Fault
from projections.models import catalog, provider_models
from projections.prompt.sections import pictures as prompt_pictures
from projections.prompt.sections.pictures import files
from worker.providers.failure import ProviderFailed, TooLong
from worker.work import Work

HOSTS = frozenset({"cdn.discordapp.com", "media.discordapp.net"})
"""The only hosts pictures are fetched from: Discord's own."""
DISCORD = "discord.com"
KEPT = "blob:"
"""Begins the address of a picture that is kept here already, such as one uploaded in the playground."""
SECONDS = 20.0
_SEEN_TYPES = ("image/png", "image/apng", "image/jpeg", "image/gif", "image/webp")


__all__ = ["HOSTS", "KEPT", "Unavailable", "allowed", "everything", "fetch", "files", "model", "visible"]


class Unavailable(Exception):
    """The picture cannot be had, now or later; the sentence says why."""


def everything(message: MessageReceived, settings: Settings) -> list[Attachment]:
    """All files of a message, and its custom emoji where they are to be seen, each at its number. Pure."""
    found = prompt_pictures.files(message)
    if settings.vision_emoji == "on" and message.venue == "discord":
        cdn = _cdn(settings.discord_api_base)
        symbols = prompt_pictures.emoji(message.text)
        found += [Attachment(kind="image", name=f":{name}:", url=f"{cdn}/emojis/{which}.png") for name, which in symbols]
    return found


def _cdn(api: str) -> str:
    """Where emoji lie: on Discord's servers, or beside the REST API of a stand-in."""
    own = urlsplit(api)
    return f"{own.scheme}://{own.netloc}" if own.hostname != DISCORD else "https://cdn.discordapp.com"


def visible(found: Sequence[Attachment], api: str) -> list[int]:
    """The numbers of those that can be looked at: pictures and picture stickers that lie on Discord's servers, or here. Pure."""
    return [n for n, file in enumerate(found) if _is_picture(file) and (file.url.startswith(KEPT) or allowed(file.url, api))]


def _is_picture(file: Attachment) -> bool:
    named = file.media_type.partition(";")[0].strip().lower()
    return file.kind in ("image", "sticker") and (named in _SEEN_TYPES or not named)


def allowed(url: str, api: str) -> bool:
    """Whether an address lies on Discord's servers. `api` is the address of its REST API: a stand-in's files lie beside it. Pure."""
    try:
        asked, own = urlsplit(url), urlsplit(api)
        if asked.username is not None or asked.password is not None:
            return False
        if own.hostname != DISCORD and (asked.scheme, asked.hostname, asked.port) == (own.scheme, own.hostname, own.port):
            return True
        return asked.scheme == "https" and asked.hostname in HOSTS and asked.port in (None, 443)
    except ValueError:
        return False


async def fetch(work: Work, url: str, *, what: str = "picture", most: int = MOST_BYTES) -> bytes:
    """The bytes of a picture or another file, at most so many; no redirects. Raises Unavailable, ProviderFailed to be tried again."""
    if url.startswith(KEPT):
        content = await blobs.get(work.log.pool, work.log.vault, url.removeprefix(KEPT))
        if content is None:
            raise Unavailable(f"The {what} was taken away.")
        return content
    if not allowed(url, work.settings.discord_api_base):
        raise Unavailable(f"The {what} does not lie on Discord's servers.")
    try:
        answer = await work.http.request("GET", url, headers={}, seconds=SECONDS, limit=most)
    except TooLong:
        raise Unavailable(f"The {what} is larger than {most // 2**20} MB.") from None
    if answer.status >= 500 or answer.status == 429:
        raise ProviderFailed(Fault(Category.SERVER_ERROR, answer.status, technical_details=f"the CDN does not give a {what}"))
    if answer.status != 200:
        raise Unavailable(f"Discord does not give the {what} any more (HTTP {answer.status}).")
    return answer.body


async def model(work: Work) -> str | None:
    """The model that looks at pictures: VISION_MODEL, else the default preset's where it can see; None: no model does."""
    if work.settings.vision_model is not None:
        return work.settings.vision_model
    async with work.log.pool.connection() as connection:
        preset = await catalog.default_preset(connection, work.log.vault)
        name = preset.model if preset is not None else work.settings.default_model
        return name if (await provider_models.known(connection, [name]))[name].vision else None
