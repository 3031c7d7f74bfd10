"""Keeps read models in step with the log, builds new versions beside serving ones, verifies them."""
