"""Backups of shapes.inc: a folder or ZIP of JSON, mapped to a character, a preset, memories and a conversation. Pure."""
