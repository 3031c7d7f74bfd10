"""Handlers of work that happens later or takes long, one file each."""
