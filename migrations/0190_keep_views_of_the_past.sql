-- Read models as they were at a position, kept for a while in schemas of their own, so that looking at a later position folds on from there.
CREATE TABLE past_views (
    schema_name text        PRIMARY KEY,
    name        text        NOT NULL,
    fingerprint text        NOT NULL,
    position    bigint      NOT NULL,
    used_at     timestamptz NOT NULL DEFAULT now()
);
