"""Addresses that a person writes into a setting, brought to the one form the rest uses. Pure."""

from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}


def origin(address: str) -> str:
    """The origin of a web address: scheme, name and port, in lower case, without the scheme's own port.

    Raises ValueError with what is wrong, to be read after the setting's name.
    """
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("is no web address; write it as https://tzurot.example") from None
    if parts.scheme not in _PORTS or not host or not host.isascii() or any(c.isspace() for c in address):
        raise ValueError("is no web address; write it as https://tzurot.example")
    if parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("must end after the host, as https://tzurot.example: the console stands at the top of its address")
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}" if port in (None, _PORTS[parts.scheme]) else f"{parts.scheme}://{name}:{port}"
