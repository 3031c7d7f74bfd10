"""Addresses that a person writes into a setting, brought to the one form the rest uses. Pure."""

import re
from collections.abc import Mapping
from urllib.parse import quote, urlencode, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from engine.outside import numbers

_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[A-Za-z0-9.:_%-]{1,253}")
_API_PATH = re.compile(r"/chat/completions\Z|(?<=/v[1-9])/(?:chat|completions|models|messages|responses|embeddings)\Z", re.IGNORECASE)
"""What is left out at the end of an address: paths that are added to it."""


def origin(address: str) -> str:
    """The origin of a web address: scheme, name and port, in lower case, without the scheme's own port.

    Raises ValueError with what is wrong, to be read after the setting's name.
    """
    try:
        parts = urlsplit(address)
        host, port = _ascii(parts.hostname or ""), parts.port
    except ValueError:
        raise ValueError("is no web address; write it as https://tzurot.example") from None
    if parts.scheme not in _PORTS or not host or not _HOST.fullmatch(host) or any(c.isspace() for c in address):
        raise ValueError("is no web address; write it as https://tzurot.example")
    if parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("must end after the host, as https://tzurot.example: the console stands at the top of its address")
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}" if port in (None, _PORTS[parts.scheme]) else f"{parts.scheme}://{name}:{port}"


def api(address: str) -> str:
    """A web address that paths are added to, without the slash at its end and without /chat/completions. Raises ValueError."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("is no web address; write it as https://host/v1, an IPv6 address in brackets") from None
    if parts.scheme not in _PORTS or not host:
        raise ValueError("is no web address; it must begin with https:// or http:// and name a host, as https://openrouter.ai/api/v1")
    if port == 0 or any(len(label) > 63 for label in host.split(".")) or ".." in host:
        raise ValueError("names no host and port there can be; write it as https://host/v1")
    if any(character.isspace() or character == "\\" or not character.isprintable() for character in address):
        raise ValueError("holds a blank, a backslash or a character nobody sees; write it as https://host/v1")
    if parts.query or parts.fragment:
        raise ValueError("must end before ? and #, as https://host/v1: paths are added to it")
    return _API_PATH.sub("", address.rstrip("/;,.")).rstrip("/")


def _ascii(host: str) -> str:
    """A host's name as browsers send it."""
    return host if host.isascii() else host.encode("idna").decode()


def nats(addresses: str) -> str:
    """The addresses of NATS servers, separated by commas, each with its scheme. Raises ValueError."""
    return ",".join(_nats(address.strip()) for address in addresses.split(",") if address.strip())


def _nats(address: str) -> str:
    whole = address if "://" in address else f"nats://{address}"
    scheme = whole.partition("://")[0].lower()
    if scheme not in {"nats", "tls", "ws", "wss"}:
        raise ValueError(f"begins with {_plain(scheme)}://; NATS' addresses begin with nats://, or tls:// for an encrypted one")
    try:
        parts = urlsplit(whole)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("is no address of NATS; write it as nats://user:password@host:4222, an IPv6 address in brackets") from None
    if not host or any(character.isspace() for character in whole) or parts.fragment or parts.query:
        raise ValueError("is no address of NATS; write it as nats://user:password@host:4222, with %23 for # and %3F for ? in a password")
    if parts.path.strip("/"):
        raise ValueError("must end after the port, as nats://user:password@host:4222")
    name = f"[{host}]" if ":" in host else host
    user = parts.netloc.rpartition("@")[0]
    return f"{scheme}://{user}{'@' if user else ''}{name}:{port or 4222}"


def database(address: str, session: str = "read-write") -> str:
    """The address of a Postgres database as a URL in which everything is escaped, whether it was given as URL or as key=value pairs.

    One that names several hosts means the one of them that takes a `session` of this kind, unless it says otherwise: the primary is
    found again by whoever connects after a promotion. Raises ValueError.
    """
    scheme, separator, rest = address.partition("://")
    if separator and scheme.lower() in {"postgresql", "postgres"}:
        scheme, address = scheme.lower(), f"{scheme.lower()}://{rest}"
    if separator and "=" not in scheme and scheme not in {"postgresql", "postgres"}:
        raise ValueError(f"begins with {_plain(scheme)}://, a form of another program's; it must begin with postgresql://")
    if not separator and "=" not in address:
        raise ValueError("is no address of Postgres; write it as postgresql://user:password@host:5432/database")
    try:
        parts = {
            name: str(value)
            for name, value in conninfo_to_dict(address.replace(" ", "%20") if separator else address).items()
            if value is not None
        }
    except psycopg.ProgrammingError as error:
        raise ValueError(_unreadable(str(error))) from None
    if "@" in parts.get("host", ""):
        raise ValueError(_unreadable(""))
    if separator and not parts.get("host") and "/" in parts.get("dbname", ""):
        raise ValueError("names a folder where its database stands; write it as postgresql://user:password@/database?host=/folder")
    if not parts.get("dbname") and not parts.get("service"):
        raise ValueError("names no database; add it after the host, as postgresql://user:password@host:5432/tzurot")
    if any(not numbers.whole(item, 65_535) for item in parts.get("port", "5432").split(",") if item):
        raise ValueError("names a port that is no number from 1 to 65535; in a password write %3A for : and %40 for @")
    return database_url(_completed(parts, session))


def _completed(parts: Mapping[str, str], session: str) -> dict[str, str]:
    """What libpq's parameters mean here, in libpq's own spelling."""
    found = dict(parts)
    if found.get("sslmode"):
        found["sslmode"] = found["sslmode"].lower()
    if "," in found.get("host", found.get("hostaddr", "")):
        found.setdefault("target_session_attrs", session)
    return found


def _unreadable(said: str) -> str:
    found = re.search(r'invalid (?:URI query parameter|connection option)[^"]*"([A-Za-z_]{1,40})"', said)
    if found:
        return f"has the parameter {found[1]}, which Postgres' library does not know; leave it out"
    return "cannot be read; in a user or password write %40 for @, %3A for :, %2F for /, %25 for %, %23 for # and %3F for ?"


def database_url(parts: Mapping[str, str]) -> str:
    """A Postgres URL of libpq's parameters, each escaped. Pure."""
    left = dict(parts)
    user, password, name = left.pop("user", ""), left.pop("password", ""), left.pop("dbname", "")
    who = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
    host, port = left.get("host", ""), left.get("port", "")
    where = ""
    if host and not set("/,@") & set(host) and "," not in port:
        del left["host"]
        where = f"[{quote(host, safe=':.')}]" if ":" in host else quote(host, safe="")
        where += f":{left.pop('port')}" if port else ""
    query = urlencode(left, quote_via=quote, safe="")
    return f"postgresql://{who}{'@' if who else ''}{where}/{quote(name, safe='')}{'?' if query else ''}{query}"


def _plain(scheme: str) -> str:
    return "".join(character for character in scheme[:20] if character.isascii() and (character.isalnum() or character in "+.-:"))
