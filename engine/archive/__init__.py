"""Archives: events as lines of JSON in a ZIP with digests, of one person, one server or everything; and back (ADR 64)."""
