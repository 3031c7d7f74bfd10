"""Write conversations: SillyTavern's lines of JSON, Markdown to read, HTML to keep. Pure."""

from datetime import UTC, datetime
from html import escape

from engine.cards import trees
from engine.cards.trees import Tree
from engine.chatlogs.identity import iso
from engine.chatlogs.log import ChatLog, ChatVariant, LoggedLine

KEPT = "tzurot_kept"
"""Under this name stands what another form says in other ways than this one."""


def as_jsonl(log: ChatLog) -> bytes:
    """SillyTavern's form, with every variant and its time, and whatever else a log said when it came in."""
    head: Tree = {"user_name": log.user, "character_name": log.character, "create_date": iso(_first(log)), "chat_metadata": {}}
    head |= log.head | ({KEPT: log.kept} if log.kept else {})
    return b"".join(trees.written(one) + b"\n" for one in (head, *(row(line) for line in log.lines)))


def row(line: LoggedLine) -> Tree:
    """A line as an object."""
    found: Tree = {"name": line.name, "is_user": line.by_user, "is_system": line.system, "send_date": iso(line.shown.at)}
    found |= {"mes": line.shown.text, **({"extra": {}} if "extra" not in line.rest else {}), **line.rest}
    infos, kept = line.kept.get("swipe_info"), dict(line.kept)
    if len(line.variants) > 1:
        found |= {"swipes": [one.text for one in line.variants], "swipe_id": line.chosen}
        more = kept.pop("swipe_info") if isinstance(infos, list) else []
        told = [one if isinstance(one, dict) else {} for one in more] + [{}] * len(line.variants)
        found["swipe_info"] = [{"extra": {}, **info, "send_date": iso(one.at)} for one, info in zip(line.variants, told, strict=False)]
        kept |= {"swipe_info": more} if any(not isinstance(one, dict) for one in more) or len(more) > len(line.variants) else {}
    if line.shown.at is None and "send_date" in kept:
        found["send_date"] = kept.pop("send_date")
    return found | ({KEPT: kept} if kept else {})


def _first(log: ChatLog) -> datetime | None:
    return next((line.shown.at for line in log.lines if line.shown.at is not None), None)


def _spoken(one: ChatVariant) -> str:
    return one.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC") if one.at is not None else ""


def as_markdown(log: ChatLog) -> bytes:
    """What was shown, to read."""
    parts = [f"# {_plain(log.user)} and {_plain(log.character)}"]
    parts += [f"**{_plain(line.name)}** {_spoken(line.shown)}".rstrip() + f"\n\n{line.shown.text}" for line in log.lines]
    return ("\n\n".join(parts) + "\n").encode("utf-8", "replace")


def _plain(name: str) -> str:
    return " ".join(name.translate(str.maketrans("", "", "*_`#[]<>\\")).split()) or "Somebody"


def as_html(log: ChatLog) -> bytes:
    """What was shown, as a page that loads nothing and runs nothing."""
    title = escape(f"{log.user} and {log.character}")
    said = "\n".join(
        f'<article class="{"user" if line.by_user else "character"}"><h2>{escape(line.name)} <time>{_spoken(line.shown)}</time></h2>'
        f"<p>{escape(line.shown.text)}</p></article>"
        for line in log.lines
    )
    return f"{_HEAD}<title>{title}</title></head><body><h1>{title}</h1>\n{said}\n</body></html>\n".encode("utf-8", "replace")


_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>body{max-width:45rem;margin:2rem auto;font-family:sans-serif} p{white-space:pre-wrap} h2{font-size:1rem}</style>
"""
