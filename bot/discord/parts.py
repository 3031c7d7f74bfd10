"""What hangs on a message besides its text: files, stickers, embeds, polls, forwards. Pure."""

from collections.abc import Iterable
from types import MappingProxyType

from bot.delivery.around import stripped
from bot.discord.payload import Reader
from engine.events.message import Attachment, Forward

MOST = 25
"""Files, embeds, fields of one and answers of a poll that are read: Discord takes ten, and 25 fields."""
SNAPSHOTS = 5
"""Messages that one forwards; Discord takes one."""
VOICE_MESSAGE = 1 << 13
STICKERS = MappingProxyType({1: ("png", "image/png"), 2: ("png", "image/apng"), 3: ("json", "application/json"), 4: ("gif", "image/gif")})
"""Sticker format -> (file extension, media type): PNG, APNG, Lottie, GIF."""
CDN, MEDIA = "https://cdn.discordapp.com", "https://media.discordapp.net"

ATTACHMENT_DROPPED = (
    "id",
    "proxy_url",
    "height",
    "width",
    "ephemeral",
    "waveform",
    "flags",
    "placeholder",
    "placeholder_version",
    "content_scan_version",
    "clip_participants",
    "clip_created_at",
    "application",
    "original_content_type",
)
PICTURE_DROPPED = ("proxy_url", "height", "width", "content_type", "placeholder", "placeholder_version", "flags", "description")
EMBED_DROPPED = (
    "type",
    "color",
    "timestamp",
    "flags",
    "content_scan_version",
    "reference_id",
    *(f"{part}.{name}" for part in ("image", "thumbnail", "video") for name in ("proxy_url", "height", "width", "content_type")),
    *(
        f"{part}.{name}"
        for part in ("image", "thumbnail", "video")
        for name in ("placeholder", "placeholder_version", "flags", "description")
    ),
    "footer.icon_url",
    "footer.proxy_icon_url",
    "author.icon_url",
    "author.proxy_icon_url",
    "provider.url",
    "fields[].inline",
)
POLL_DROPPED = ("expiry", "layout_type", "results", "answers[].answer_id", "question.emoji", "answers[].poll_media.emoji.id")
SNAPSHOT_DROPPED = (
    "timestamp",
    "edited_timestamp",
    "type",
    "flags",
    "mentions",
    "mention_channels",
    "mention_roles",
    "components",
    "stickers",
    "resolved",
    "sticker_items[].id",
    "embeds[].id",
)


def attachments(message: Reader) -> tuple[Attachment, ...]:
    """Files first, then stickers, embeds and their pictures, and the poll."""
    found = [_file(a) for a in message.many("attachments", MOST)]
    found += [_sticker(s) for s in message.many("sticker_items", MOST)]
    for embed in message.many("embeds", MOST):
        found += _embed(embed)
    poll = message.one("poll")
    return (*found, _poll(poll)) if poll else tuple(found)


def forwards(message: Reader) -> tuple[Forward, ...]:
    """The forwarded messages, with all that hangs on them."""
    inner = [snapshot.one("message") for snapshot in message.many("message_snapshots", SNAPSHOTS)]
    return tuple(Forward(text=stripped(m.text("content")), attachments=attachments(m)) for m in inner)


def _file(file: Reader) -> Attachment:
    media_type = file.text("content_type")
    voice = bool((file.number("flags") or 0) & VOICE_MESSAGE or file.text("waveform"))
    seconds = file.decimal("duration_secs")
    said = [file.text("title"), file.text("description"), f"{seconds} s" if seconds else ""]
    return Attachment(
        kind="voice" if voice else "image" if media_type.startswith("image/") else "file",
        name=file.text("filename"),
        url=file.text("url"),
        media_type=media_type,
        size=file.number("size"),
        text=_lines(said),
    )


def _sticker(sticker: Reader) -> Attachment:
    number, kind = sticker.number("id"), sticker.number("format_type") or 1
    extension, media_type = STICKERS.get(kind, ("png", "image/png"))
    host = MEDIA if kind == 4 else CDN
    return Attachment(kind="sticker", name=sticker.text("name"), url=f"{host}/stickers/{number}.{extension}", media_type=media_type)


def _embed(embed: Reader) -> list[Attachment]:
    """The embed as text, and each of its pictures."""
    heading = [embed.one("provider").text("name"), embed.one("author").text("name"), embed.one("author").text("url"), embed.text("title")]
    fields = [_lines([f.text("name"), f.text("value")]) for f in embed.many("fields", MOST)]
    said = _lines([*heading, embed.text("description"), *fields, embed.one("footer").text("text")])
    card = Attachment(kind="embed", name=embed.text("title"), url=embed.text("url"), text=said)
    pictures = [(part, embed.one(part).text("url")) for part in ("image", "thumbnail")]
    video = embed.one("video").text("url")
    found = [card, *(Attachment(kind="image", name=f"embed {part}", url=url) for part, url in pictures if url)]
    return [*found, Attachment(kind="file", name="embed video", url=video)] if video else found


def _poll(poll: Reader) -> Attachment:
    question = poll.one("question").text("text")
    answers = [_answer(a.one("poll_media")) for a in poll.many("answers", MOST)]
    several = "(several answers allowed)" if poll.flag("allow_multiselect") else ""
    return Attachment(kind="poll", name=question, text=_lines([question, *(f"- {a}" for a in answers), several]))


def _answer(media: Reader) -> str:
    return " ".join(part for part in (media.one("emoji").text("name"), media.text("text")) if part)


def _lines(texts: Iterable[str]) -> str:
    return "\n".join(text for text in texts if text)
