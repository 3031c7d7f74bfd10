-- Master keys that were rotated away. Nothing may be wrapped with one again, also not by a process that has not noticed yet.
CREATE TABLE retired_master_keys (
    master_key_id text        COLLATE "C" PRIMARY KEY,
    retired_at    timestamptz NOT NULL DEFAULT now()
);
