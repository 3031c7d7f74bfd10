-- A person may come back after an erasure: what they write then is sealed with a key of the next epoch. No row: the first.
CREATE TABLE key_epochs (
    subject text    COLLATE "C" PRIMARY KEY,
    epoch   integer NOT NULL CHECK (epoch > 1)
);

-- `user:1` is the first key of the subject `user:1`, `user:1:2` its second.
CREATE FUNCTION epoch_of(key_name text) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(substring(key_name FROM '^[a-z]+:[0-9]+:([0-9]+)$')::integer, 1);

INSERT INTO key_epochs (subject, epoch) SELECT subject, 2 FROM data_keys WHERE destroyed_at IS NOT NULL;
