"""Slash commands and dashboards, one package a feature."""
