"""`python -m tests.support.discord --port N`: run the stand-in Discord alone; prints one JSON line with its addresses."""

import argparse
import asyncio
import json
import signal

from tests.support.discord.server import TOKEN, StandinDiscord
from tests.support.discord.validate import load, spec_path


async def serve(port: int, *, real_limits: bool = False, validate: bool = True) -> None:
    """Serve until SIGINT or SIGTERM."""
    path = spec_path() if validate else None
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with StandinDiscord.start(port, spec=load(path) if path else None) as discord:
        discord.limits.real = real_limits
        channels = {c.name: c.id for c in discord.world.channels.values()}
        line = {"base": discord.base, "api_base": discord.api_base, "token": TOKEN, "page": discord.base + "/", "channels": channels}
        print(json.dumps(line), flush=True)
        await stop.wait()


def main() -> None:
    """Parse the arguments and serve."""
    parser = argparse.ArgumentParser(description="A stand-in Discord on 127.0.0.1: REST, gateway, CDN, a control API and a page.")
    parser.add_argument("--port", type=int, default=0, help="0 = any free port")
    parser.add_argument("--real-limits", action="store_true", help="Discord's usual rate limits instead of wide ones")
    parser.add_argument("--no-validate", action="store_true", help="do not hold exchanges against Discord's OpenAPI")
    args = parser.parse_args()
    asyncio.run(serve(args.port, real_limits=args.real_limits, validate=not args.no_validate))


if __name__ == "__main__":
    main()
