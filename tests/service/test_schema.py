"""migrations/schema.sql is what the migrations make."""

from engine.embedded.dump import SNAPSHOT, schema_of


def test_the_snapshot_is_what_the_migrations_make(dsn: str) -> None:
    """Whoever adds a migration renews it, so that a review sees both."""
    assert schema_of(dsn) == SNAPSHOT.read_text(), "run: make schema"
