"""Reactions: which are on a message, and what they do where."""
