"""Lorebooks by command."""
