"""Recorded turns made again from the log: with changes, to see what differs first, or as they were (ADR 68)."""
