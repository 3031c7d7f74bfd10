"""What a wrong address of a provider looks like, told as that and not as a model's fault."""

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urljoin, urlsplit

from engine.fault import Category, Fault
from engine.outside import clean

WRONG = "The address of the provider is not right"
UNREACHED = "The provider could not be reached: its address may not be right, or the network is away. `tzurot doctor` tries it."


def shown(url: str) -> str:
    """An address without user, password and query, for whoever runs the bot."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return clean.name(url.split("?", 1)[0].rsplit("@", 1)[-1], 300)
    host = f"[{host}]" if ":" in host else host
    return clean.name(f"{parts.scheme}://{host}{port}{parts.path}", 300)


def redirected(url: str, status: int, headers: Mapping[str, str]) -> Fault:
    """The fault of an answer that sends us elsewhere. Nobody follows it: the key is for the address that was given."""
    target = headers.get("location", "").strip()
    try:
        there = shown(urljoin(url, target)) if target else ""
    except ValueError:
        there = clean.name(target, 300)
    where = f"it sends us on to {there}" if there else "it sends us on without saying where"
    details = f"{WRONG}: {shown(url)} answers HTTP {status}, {where}. Set PROVIDER_BASE_URL to where it really is."
    return Fault(Category.WRONG_ADDRESS, status, technical_details=details)


def explained(url: str, fault: Fault) -> Fault:
    """The same fault; when it is a wrong address, with where that leads and what is often missing."""
    if fault.category is not Category.WRONG_ADDRESS:
        return fault
    missing = "" if "/v" in urlsplit(url).path else " Addresses of this kind usually end in /v1."
    details = f"{WRONG}: nothing of the kind is at {shown(url)}.{missing} Correct PROVIDER_BASE_URL.\n{fault.technical_details}"
    return replace(fault, technical_details=details, provider_message="")


def unreached(url: str, error: Exception, *, proxied: bool = False) -> Fault:
    """The fault of a connection that could not be made, directly or through a proxy, with the likely reason for whoever runs the bot."""
    words = str(error)
    lower = words.lower()
    if "certificate" in lower:
        why = "its certificate is not to be trusted; a private authority is named by PROVIDER_CA_FILE"
    elif "ssl" in lower or "wrong version" in lower or "record layer" in lower:
        why = "it does not speak TLS there, so https may be wrong"
    elif any(sign in lower for sign in ("name or service", "nodename", "no address associated", "name resolution", "getaddrinfo")):
        why = "there is no such host"
    elif "proxy" in type(error).__name__.lower():
        why = "the proxy of PROVIDER_PROXY does not let us through"
    else:
        why = "nobody answers there" + (", or at the proxy of PROVIDER_PROXY" if proxied else "")
    details = f"{WRONG}, or the network is away: {why}. PROVIDER_BASE_URL leads to {shown(url)}\n{type(error).__name__}: {words}"[:600]
    return Fault(Category.NETWORK, technical_details=clean.storable(details), sentence=UNREACHED)
