"""Memories of other programs, read; pure."""
