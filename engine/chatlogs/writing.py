"""Write conversations: SillyTavern's lines of JSON, Markdown to read, HTML to keep. Pure."""

from datetime import UTC, datetime
from html import escape

from engine.cards import trees
from engine.cards.trees import Tree
from engine.chatlogs.log import ChatLog, ChatVariant, LoggedLine


def as_jsonl(log: ChatLog) -> bytes:
    """SillyTavern's form, with every variant and its time."""
    head: Tree = {"user_name": log.user, "character_name": log.character, "create_date": _iso(_first(log)), "chat_metadata": {}} | log.head
    return b"".join(trees.written(one) + b"\n" for one in (head, *(_line(line) for line in log.lines)))


def _line(line: LoggedLine) -> Tree:
    found: Tree = {"name": line.name, "is_user": line.by_user, "is_system": line.system, "send_date": _iso(line.shown.at)}
    found |= {"mes": line.shown.text, **({"extra": {}} if "extra" not in line.rest else {}), **line.rest}
    if len(line.variants) > 1:
        found |= {"swipes": [one.text for one in line.variants], "swipe_id": line.chosen}
        found["swipe_info"] = [{"send_date": _iso(one.at), "extra": {}} for one in line.variants]
    return found


def _first(log: ChatLog) -> datetime | None:
    return next((line.shown.at for line in log.lines if line.shown.at is not None), None)


def _iso(at: datetime | None) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if at is not None else ""


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
