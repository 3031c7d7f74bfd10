-- A rebuild loads, then makes the indexes only readers need, then waits to be switched; after a kill it goes on where it was.
ALTER TABLE projections ADD COLUMN phase text COLLATE "C" NOT NULL DEFAULT 'ready' CHECK (phase IN ('loading', 'indexing', 'ready'));
ALTER TABLE projections ADD COLUMN fingerprint text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE projections DROP CONSTRAINT projections_role_check;
ALTER TABLE projections ADD CONSTRAINT projections_role_check CHECK (role IN ('live', 'building', 'previous'));

-- Events that a projection cannot digest and an operator has told it to leave out: live, in every rebuild and in every comparison.
CREATE TABLE projection_skips (
    name     text        COLLATE "C" NOT NULL,
    position bigint      NOT NULL,
    reason   text        NOT NULL,
    made_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, position)
);
