"""Reads a page of a host that the operator allowed, as text.

Looked up once, vetted, and fetched from that very number, so that a name that changes its mind leads nowhere; each redirect is vetted anew.
"""

import asyncio
import ipaddress
import socket
from html import unescape
from urllib.parse import urlsplit

import re2

from engine.outside import clean, sites
from engine.outside.sites import Forbidden, Target
from engine.resources.craft.tools import Page, Unusable
from worker.providers.failure import TooLong
from worker.providers.http import Response
from worker.tools.using import ToolOutcome, ToolUse
from worker.work import Work

MOST_BYTES = 2 * 1024 * 1024
REDIRECTS = 4
_MOVED = (301, 302, 303, 307, 308)
SECONDS = 15.0
_READABLE = ("text/", "application/json", "application/xml", "application/xhtml+xml")
_UNSEEN = [re2.compile(rf"(?is)<{tag}\b.*?</{tag}\s*>") for tag in ("script", "style", "noscript", "template", "svg", "head")]
_COMMENT = re2.compile(r"(?s)<!--.*?-->")
_BREAK = re2.compile(r"(?i)</?(?:p|div|br|li|tr|h[1-6]|section|article)\b[^>]*>")
_TAG = re2.compile(r"<[^>]*>")
_BLANK, _LINES = re2.compile(r"[ \t\r\f\v\x{a0}]+"), re2.compile(r" ?\n[ \n]*")


async def run(using: ToolUse, arguments: Page) -> ToolOutcome:
    """The page's text. Raises Unusable, ProviderFailed."""
    url = arguments.url.strip()
    for _ in range(REDIRECTS + 1):
        try:
            target = sites.target(url, using.work.settings.web_fetch_hosts)
        except Forbidden as error:
            raise Unusable(f"{error} May be read: {', '.join(using.work.settings.web_fetch_hosts) or 'none'}.") from None
        answer = await fetch(using.work, target)
        if answer.status not in _MOVED:
            return ToolOutcome(_words(answer))
        url = _led(target, answer.headers.get("location", ""))
    raise Unusable("The page leads from one address to another without an end.")


async def picture(work: Work, url: str) -> bytes:
    """A picture at a public address, or on a host that the operator allowed. Raises Unusable, ProviderFailed."""
    for _ in range(REDIRECTS + 1):
        try:
            target = sites.target(url, (urlsplit(url).hostname or "", *work.settings.web_fetch_hosts))
        except ValueError as error:
            raise Unusable(str(error) if isinstance(error, Forbidden) else "This is no address on the web.") from None
        answer = await fetch(work, target, "image/*")
        if answer.status == 200:
            return answer.body
        if answer.status not in _MOVED:
            raise Unusable(f"There is no picture (HTTP {answer.status}).")
        url = _led(target, answer.headers.get("location", ""))
    raise Unusable("The picture leads from one address to another without an end.")


async def fetch(work: Work, target: Target, accept: str = "text/html, text/plain, application/json") -> Response:
    """The answer of the host's own number. Raises Unusable, ProviderFailed."""
    address = await _looked_up(target)
    headers = {"host": target.authority, "accept": accept, "user-agent": "Tzurot"}
    name = target.host if target.scheme == "https" else None
    try:
        return await work.http.request("GET", target.at(address), headers=headers, seconds=SECONDS, limit=MOST_BYTES, name=name)
    except TooLong:
        raise Unusable(f"What lies there is larger than {MOST_BYTES // 2**20} MB.") from None


async def _looked_up(target: Target) -> sites.Address:
    """The one number that is connected to. Raises Unusable when any of the host's is not public: such a host is up to something."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unusable("There is no such host.") from None
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    if not addresses or (not target.anywhere and not all(map(sites.public, addresses))):
        raise Unusable("This host does not lie on the open network.")
    return addresses[0]


def _led(target: Target, location: str) -> str:
    """Where a redirect leads; a path alone stays on its host."""
    if location.startswith("/") and not location.startswith("//"):
        return f"{target.scheme}://{target.authority}{location}"
    return location if "://" in location else f"{target.scheme}:{location}" if location.startswith("//") else ""


def _words(answer: Response) -> str:
    """What of the page a person would read. Raises Unusable."""
    kind = answer.headers.get("content-type", "text/plain").lower()
    if answer.status >= 400:
        raise Unusable(f"The page cannot be read (HTTP {answer.status}).")
    if not kind.startswith(_READABLE):
        raise Unusable("That is no text.")
    text = clean.storable(answer.body.decode("utf-8", "replace"))
    return plain(text) if "html" in kind else text


def plain(page: str) -> str:
    """A page without its markup, in linear time. Pure."""
    for unseen in (_COMMENT, *_UNSEEN):
        page = unseen.sub(" ", page)
    text = unescape(_TAG.sub(" ", _BREAK.sub("\n", page)))
    return str(_LINES.sub("\n", _BLANK.sub(" ", text))).strip()
