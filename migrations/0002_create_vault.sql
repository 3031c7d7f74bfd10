-- Data keys, one per subject, wrapped by a master key that is never in the database.
-- A destroyed key keeps its row, so that nobody makes a new one under the old name by mistake.
CREATE TABLE data_keys (
    subject       text        COLLATE "C" PRIMARY KEY,
    wrapped       bytea,
    master_key_id text        COLLATE "C" NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    destroyed_at  timestamptz,
    CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL))
);
