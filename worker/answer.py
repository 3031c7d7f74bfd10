"""From a prompt to an answer: the calls that are made for one turn, and what is tried when one fails."""

import asyncio
import random
from typing import Any

from engine import clock
from engine.events.preset import Parameters
from projections.catalog import Preset
from worker.prompt.assemble import Prompt
from worker.providers.chat import Completion, OnText, complete
from worker.providers.failure import ProviderFailed
from worker.work import Work

RETRIES = 2
FIRST_PAUSE = 1.0


async def ask(work: Work, preset: Preset, prompt: Prompt, on_text: OnText, call: str = "") -> Completion:
    """The completion of a prompt. Trouble that may pass is tried again, twice at most. Raises ProviderFailed."""
    request = body(preset.model, preset.parameters, prompt, stream=preset.stream)
    deadline = clock.monotonic() + work.turn_seconds
    for attempt in range(RETRIES + 1):
        try:
            seconds = min(work.attempt_seconds, deadline - clock.monotonic())
            return await complete(work.http, work.endpoint, request, seconds=seconds, on_text=on_text, call=call)
        except ProviderFailed as failure:
            pause = failure.fault.retry_after or FIRST_PAUSE * 2**attempt * random.uniform(0.5, 1.5)
            if attempt == RETRIES or not failure.fault.kind.retry or clock.monotonic() + pause >= deadline:
                raise
            await asyncio.sleep(pause)
    raise AssertionError("unreachable")


def body(model: str, parameters: Parameters, prompt: Prompt, *, stream: bool) -> dict[str, Any]:
    """The request as it is sent."""
    chosen = parameters.model_dump(mode="json", exclude_defaults=True)
    extra = chosen.pop("extra", {})
    options = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    fixed: dict[str, Any] = extra | chosen
    return fixed | {"model": model, "messages": prompt.as_json()} | options
