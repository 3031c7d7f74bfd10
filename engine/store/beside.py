"""Several questions to Postgres at once, over one connection or many."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from psycopg.errors import PipelineAborted


async def beside[T](*questions: Coroutine[Any, Any, T]) -> list[T]:
    """Ask all of them together; their answers, in order. Raises as `settled` does."""
    asked = [asyncio.ensure_future(question) for question in questions]
    await settled(*asked)
    return [question.result() for question in asked]


async def settled(*asked: "asyncio.Future[Any]") -> None:
    """Wait for all of them: nothing of them runs any more when this returns or raises.

    In a pipeline their round trips are shared. Raises what the first that failed raised, and not what Postgres said to those that
    came after it in the same pipeline.
    """
    try:
        answers = await asyncio.gather(*asked, return_exceptions=True)
    except asyncio.CancelledError:  # which the gathering hands on
        await asyncio.gather(*asked, return_exceptions=True)
        raise
    errors = [answer for answer in answers if isinstance(answer, BaseException)]
    for error in sorted(errors, key=lambda error: isinstance(error, PipelineAborted)):
        raise error
