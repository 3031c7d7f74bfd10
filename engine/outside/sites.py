"""Which addresses on the web may be read: those of hosts that the operator named, and of these only public ones. Pure.

A site is a host (`en.wikipedia.org`: by https, at public addresses only) or an origin (`http://wiki.lan:8080`: exactly that one,
wherever it lies, because whoever runs the bot wrote it out). `*.example.org` stands for all hosts below.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Forbidden(ValueError):
    """The address may not be read; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """An address that may be read once its host was looked up. `anywhere`: it was written out, so it may lie in our own network."""

    scheme: str
    host: str
    port: int
    rest: str
    anywhere: bool

    def at(self, address: Address) -> str:
        """The URL with the host's number in the place of its name."""
        number = f"[{address}]" if address.version == 6 else str(address)
        return f"{self.scheme}://{number}:{self.port}{self.rest}"

    @property
    def authority(self) -> str:
        """What stands in the Host header."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == (443 if self.scheme == "https" else 80) else f"{name}:{self.port}"


def target(url: str, sites: Sequence[str]) -> Target:
    """The address, if one of the sites allows it. Raises Forbidden."""
    if any(c.isspace() or not c.isprintable() or c == "\\" for c in url):
        raise Forbidden("This is no address on the web.")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip(".").encode("idna").decode().lower(), parts.port
    except (ValueError, UnicodeError):
        raise Forbidden("This is no address on the web.") from None
    if parts.scheme not in ("http", "https") or not host or parts.username is not None or parts.password is not None:
        raise Forbidden("An address begins with https:// and a host, without a name or password before it.")
    at = port or (443 if parts.scheme == "https" else 80)
    rest = urlunsplit(("", "", parts.path or "/", parts.query, ""))
    if (parts.scheme, host, at) in [origin for site in sites if (origin := _origin(site)) is not None]:
        return Target(parts.scheme, host, at, rest, anywhere=True)
    if not any(_names(site, host) for site in sites):
        raise Forbidden("This host is not among those that may be read here.")
    if parts.scheme != "https" or at != 443:
        raise Forbidden("Only https:// on its usual port is read.")
    return Target("https", host, 443, rest, anywhere=False)


def _origin(site: str) -> tuple[str, str, int] | None:
    if "://" not in site:
        return None
    parts = urlsplit(site)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or (443 if parts.scheme == "https" else 80)


def _names(site: str, host: str) -> bool:
    if "://" in site:
        return False
    named = site.lower().rstrip(".")
    return host.endswith(named[1:]) and host != named[2:] if named.startswith("*.") else host == named


def public(address: Address) -> bool:
    """Whether an address lies on the open network, whatever it is written as: not here, not beside us, not a way back to us."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            return public(inner)
        if address.is_site_local:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified or address.is_loopback)


def wrong(sites: Sequence[str]) -> str | None:
    """What is wrong with a list of sites, to be read after the setting's name; None when each can be used."""
    for site in sites:
        try:
            parts = urlsplit(site if "://" in site else f"https://{site}")
            plain = parts.hostname and not (parts.path.strip("/") or parts.query or parts.fragment or parts.username is not None)
            fits = plain and parts.scheme in ("http", "https") and ("://" in site or parts.port is None)
        except ValueError:
            fits = False
        if not fits:
            return "must be hosts as en.wikipedia.org, or origins as http://wiki.lan:8080, separated by commas"
    return None
