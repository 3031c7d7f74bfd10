"""Keeps one client connected: starts again with growing pauses, and says in one sentence when no retry can help."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import aiohttp
import nextcord

from bot.discord.client import Client
from engine import log, process
from engine.errors import TzurotError

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
WRONG_TOKEN, BAD_INTENTS, NO_INTENT = 4004, 4013, 4014
_log = log.get("discord.connection")


class NotLetIn(TzurotError):
    """Discord refuses this bot, and will go on doing so until a person changes something."""

    exit_code = process.NEEDS_A_PERSON


TOKEN_SENTENCE = (
    "Discord refused the token. Copy the bot's token again from https://discord.com/developers/applications "
    "(your application > Bot > Reset Token) into DISCORD_TOKEN."
)
INTENT_SENTENCE = (
    "Discord refused the connection because Message Content Intent is off. Switch it on at "
    "https://discord.com/developers/applications (your application > Bot > Privileged Gateway Intents), then start again."
)
UNKNOWN_INTENT_SENTENCE = "Discord does not know an intent that this version asks for. Is DISCORD_API_BASE right? If so, update Tzurot."


def verdict(error: BaseException) -> NotLetIn | None:
    """What a person must do about this failure; None when trying again may help."""
    match error:
        case nextcord.LoginFailure():
            return NotLetIn(TOKEN_SENTENCE)
        case nextcord.PrivilegedIntentsRequired():
            return NotLetIn(INTENT_SENTENCE)
        case nextcord.ConnectionClosed(code=code):
            sentences = {WRONG_TOKEN: TOKEN_SENTENCE, BAD_INTENTS: UNKNOWN_INTENT_SENTENCE, NO_INTENT: INTENT_SENTENCE}
            return NotLetIn(sentences[code]) if code in sentences else None
        case _:
            return None


async def stay_connected(token: str, make: Callable[[], Client]) -> None:
    """Connect, and connect again with a new client, until cancelled. Raises NotLetIn."""
    pause = FIRST_PAUSE_S
    while True:
        client = make()
        began = asyncio.get_running_loop().time()
        try:
            await client.start(token)
            why = "closed"
        except Exception as error:
            # Any kind: a first connect that fails, for one, leaves nextcord with an AttributeError.
            if (refused := verdict(error)) is not None:
                raise refused from None
            why = type(error).__name__
        finally:
            with suppress(aiohttp.ClientError, OSError, asyncio.CancelledError):
                await client.close()
        if asyncio.get_running_loop().time() - began > LONGEST_PAUSE_S:
            pause = FIRST_PAUSE_S
        _log.warning("not connected, will try again", why=why, pause_s=pause)
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_S)
