"""Character cards and lorebooks of other programs: read from any file they come in, and written so that others read them. Pure (ADR 33)."""
