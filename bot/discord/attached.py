"""Files that people give with a command."""

import aiohttp
import nextcord

from engine.decide.rejected import Rejected


async def content(file: nextcord.Attachment, most: int) -> bytes:
    """Fetch the bytes of a file. Raises Rejected when there are too many, or Discord does not hand it over."""
    if file.size > most:
        raise Rejected(f"The file is larger than {most / 2**20:.0f} MB.")
    try:
        return await file.read()
    except (nextcord.HTTPException, aiohttp.ClientError, OSError):
        raise Rejected("Discord does not hand that file over. Try again.") from None
