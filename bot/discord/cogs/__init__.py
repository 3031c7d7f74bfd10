"""Slash commands, one file per feature: parse, command or read, render."""
