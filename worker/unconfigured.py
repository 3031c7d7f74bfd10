"""What answers while no provider is configured: the small model where its weights are installed and wanted, else the stand-in."""

import asyncio
import os

from engine import config, process
from worker import standin
from worker.smallmodel import weights


async def main(stop: asyncio.Event) -> None:
    """Listen on STANDIN_PORT (default: any free port), say where and what answers, answer until told to stop."""
    if config.settings().local_model == "off" or not weights.installed():
        return await standin.main(stop)
    from worker.smallmodel import pool, server

    bound = standin.listen(port=int(os.environ.get("STANDIN_PORT", "0")))
    model = pool.Model(float(os.environ.get("STANDIN_IDLE_SECONDS", pool.IDLE_SECONDS)))
    process.ready(weights.NAME, standin.address(bound))
    try:
        await standin.serve(bound, stop, server.app(model))
    finally:
        await model.close()
    return None


if __name__ == "__main__":
    process.run(main, service="standin-provider")
