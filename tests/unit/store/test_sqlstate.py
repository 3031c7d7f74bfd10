"""Errors of Postgres by their class: what passes by waiting, what lasts, and what is one row's own fault."""

import psycopg
import pytest

from engine.store import sqlstate
from engine.store.connect import translate


def _error(state: str) -> psycopg.Error:
    return psycopg.errors.lookup(state)()


@pytest.mark.parametrize("state", ["08006", "57P01", "57P03", "40001", "40P01", "53100", "53300", "55P03", "57014", "58030", "25006"])
def test_an_outage_passes(state: str) -> None:
    """Connection, shutdown, deadlock, full disk, too many clients, locks, time-outs, I/O, a standby: waited for."""
    assert not sqlstate.lasts(_error(state))
    assert not sqlstate.of_data(_error(state))


def test_a_limit_of_temporary_files_is_said_by_its_name() -> None:
    """It is an operator's to raise, and passes then."""
    error = psycopg.errors.ConfigurationLimitExceeded("temporary file size exceeds temp_file_limit (1kB)")
    assert "temp_file_limit" in str(translate(error))
    assert not sqlstate.lasts(error)


def test_a_lost_connection_passes() -> None:
    """It has no SQLSTATE."""
    assert not sqlstate.lasts(psycopg.OperationalError("the connection is lost"))
    assert not sqlstate.lasts(TimeoutError())


@pytest.mark.parametrize("state", ["22021", "22P05", "22P02", "22003", "22001", "54000", "23502", "23505", "23514", "21000"])
def test_what_a_row_holds_is_refused_for_ever(state: str) -> None:
    """NUL, bad escapes, bad text, numbers and lengths out of range, index rows too long, constraints."""
    assert sqlstate.lasts(_error(state))
    assert sqlstate.of_data(_error(state))


def test_what_the_driver_itself_refuses_is_refused_for_ever() -> None:
    """A NUL never reaches the server, so there is no SQLSTATE."""
    assert sqlstate.of_data(psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes"))
    assert sqlstate.lasts(psycopg.DataError(""))


@pytest.mark.parametrize("state", ["42P01", "42703", "42601", "3D000", "0A000", "XX000"])
def test_a_fault_of_the_program_lasts_and_is_no_rows_fault(state: str) -> None:
    """Unknown tables and columns, syntax, no such database: nobody waits for these, and no row is left out because of them."""
    assert sqlstate.lasts(_error(state))
    assert not sqlstate.of_data(_error(state))
