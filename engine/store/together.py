"""Several questions on one connection, sent without waiting for the answers to those before."""

import asyncio
import inspect
from collections.abc import Awaitable, Sequence
from typing import Any

import psycopg

from engine.store.connect import Connection
from engine.store.pipeline import pipelined


async def together(connection: Connection, *questions: Awaitable[Any]) -> list[Any]:
    """Their answers, in their order. What one asks next goes along with what others ask next: so many round trips as the longest takes."""
    try:
        async with pipelined(connection):
            return await answers(*questions)
    finally:
        _never_asked(questions)


async def answers(*questions: Awaitable[Any]) -> list[Any]:
    """The same within a pipeline. All come to their end before an error is raised: the first, but for those that follow from another."""
    found = await asyncio.gather(*questions, return_exceptions=True)
    errors = [one for one in found if isinstance(one, BaseException)]
    if errors:
        raise next((one for one in errors if not _follows(one)), errors[0])
    return found


def _never_asked(questions: Sequence[Awaitable[Any]]) -> None:
    """Close those that were not begun, because the connection was lost before or nobody waits any more: Python warns of them else."""
    for question in questions:
        if inspect.iscoroutine(question) and inspect.getcoroutinestate(question) == inspect.CORO_CREATED:
            question.close()


def _follows(error: BaseException) -> bool:
    """Whether it only says that something else in the same pipeline failed."""
    return isinstance(error, psycopg.errors.PipelineAborted) or type(error) is psycopg.ProgrammingError
