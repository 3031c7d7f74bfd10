"""Which of Postgres' errors pass by waiting and which last, by the class of their SQLSTATE (PostgreSQL, appendix A)."""

import psycopg

_PASSING = frozenset({"08", "25", "40", "53", "55", "57", "58"})
"""Connection, transaction state (a standby is read-only), rollback, resources, locks, an operator's intervention, the system below."""
_OF_DATA = frozenset({"21", "22", "23", "54"})
"""Cardinality, data, integrity, program limits: the very same row will never be taken."""


def lasts(error: BaseException) -> bool:
    """Whether the same statement would fail again however long one waits.

    Without a SQLSTATE it is a connection that was lost, which passes, or the driver refused what it was given, which lasts.
    """
    if not isinstance(error, psycopg.Error):
        return False
    return of_data(error) if error.sqlstate is None else error.sqlstate[:2] not in _PASSING


def of_data(error: BaseException) -> bool:
    """Whether it is what a row holds that Postgres or its driver refuses, and not the statement or the program."""
    if isinstance(error, psycopg.DataError):
        return True
    return isinstance(error, psycopg.Error) and error.sqlstate is not None and error.sqlstate[:2] in _OF_DATA
