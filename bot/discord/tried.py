"""Asks Discord who the token belongs to, before anything is started: what `tzurot doctor` says of DISCORD_TOKEN."""

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from bot.discord.connection import INTENT_SENTENCE, TOKEN_SENTENCE
from bot.discord.rest import AGENT
from engine.config import Settings
from engine.outside import clean
from engine.outside.checks import Finding

SECONDS = 10.0
MOST = 256 * 1024
"""Bytes of an answer that are read."""
_MESSAGE_CONTENT = 1 << 18 | 1 << 19
"""Flags of an application that may read what people write: one for each size of bot."""


def look(settings: Settings) -> list[Finding]:
    """Whether Discord takes the token and lets its bot read messages. Nothing is asked where there is no token."""
    return [asyncio.run(_tried(settings))] if settings.discord_token else []


async def _tried(settings: Settings) -> Finding:
    where = urlsplit(settings.discord_api_base).hostname or settings.discord_api_base
    try:
        status, found = await _application(settings)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        return _wrong(
            f"{where} could not be asked about DISCORD_TOKEN ({type(error).__name__}). Is the network there, and a firewall open?"
        )
    if status == 401:
        return _wrong(TOKEN_SENTENCE)
    if status != 200 or not isinstance(found, dict) or "id" not in found:
        return _wrong(f"What answers at DISCORD_API_BASE ({where}) is not Discord: HTTP {status}. Unset DISCORD_API_BASE, or correct it.")
    flags = found.get("flags")
    if isinstance(flags, int) and not flags & _MESSAGE_CONTENT:
        return _wrong(INTENT_SENTENCE)
    return Finding("Discord's answer", True, f"the token is that of {clean.name(found.get('name'), 80) or 'an application'}")


def _wrong(sentence: str) -> Finding:
    return Finding("Discord's answer", False, sentence)


async def _application(settings: Settings) -> tuple[int, Any]:
    """The status and document of the answer about the token's own application."""
    token = settings.discord_token.get_secret_value() if settings.discord_token else ""
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    headers = {"User-Agent": AGENT, "Authorization": f"Bot {token}"}
    address = f"{settings.discord_api_base}/applications/@me"
    body = bytearray()
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.get(address, headers=headers, allow_redirects=False) as answer,
    ):
        async for chunk in answer.content.iter_chunked(64 * 1024):
            body += chunk
            if len(body) > MOST:
                raise ValueError("more than an application is described by")
    return answer.status, json.loads(body) if answer.status == 200 else None
