-- People's own provider keys, each sealed with its person's data key and bound to person, provider and id.
-- Not in the log: a key must be deletable, and an export of the log must be harmless.
CREATE TABLE provider_keys (
    key_id     uuid        PRIMARY KEY,
    user_id    bigint      NOT NULL,
    provider   text        COLLATE "C" NOT NULL,
    sealed     bytea       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX provider_keys_user ON provider_keys (user_id);
