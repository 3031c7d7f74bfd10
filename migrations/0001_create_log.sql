-- The log: append-only, totally ordered without gaps, the only truth.
CREATE TABLE log_head (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint NOT NULL
) WITH (fillfactor = 10);
INSERT INTO log_head (position) VALUES (0);

-- Wide columns of fixed length first, so that no bytes are lost to alignment. Sealed bytes are random: compressing them is wasted.
CREATE TABLE events (
    position       bigint      NOT NULL PRIMARY KEY,
    occurred_at    timestamptz NOT NULL,
    recorded_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    event_id       uuid        NOT NULL CONSTRAINT events_event_id UNIQUE,
    version        integer     NOT NULL,
    schema_version smallint    NOT NULL,
    stream         text        COLLATE "C" NOT NULL,
    type           text        COLLATE "C" NOT NULL,
    correlation    uuid,
    causation      uuid,
    guild          bigint,
    channel        bigint,
    user_id        bigint,
    character      uuid,
    turn           uuid,
    subject        text        COLLATE "C",
    data           bytea       NOT NULL,
    sealed         bytea       STORAGE EXTERNAL,
    CONSTRAINT events_stream_version UNIQUE (stream, version)
);

-- An event on its way in. One array of these costs half of what sixteen parallel arrays do.
CREATE TYPE new_event AS (
    event_id uuid, occurred_at timestamptz, type text, schema_version smallint, stream text, correlation uuid, causation uuid,
    guild bigint, channel bigint, user_id bigint, character uuid, turn uuid, subject text, data bytea, sealed bytea, version integer
);

-- Positions are given out under the head's row lock, which is held until commit: commit order is position order,
-- and a rollback gives its positions back. So a reader that has seen position n has seen everything before it.
CREATE FUNCTION append_events(news new_event[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    before bigint;
BEGIN
    UPDATE log_head SET position = position + cardinality(news) RETURNING position - cardinality(news) INTO before;
    INSERT INTO events (position, event_id, occurred_at, type, schema_version, stream, correlation, causation,
                        guild, channel, user_id, character, turn, subject, data, sealed, version)
    SELECT before + n, event_id, occurred_at, type, schema_version, stream, correlation, causation,
           guild, channel, user_id, character, turn, subject, data, sealed, version
    FROM unnest(news) WITH ORDINALITY AS e (event_id, occurred_at, type, schema_version, stream, correlation, causation,
                                            guild, channel, user_id, character, turn, subject, data, sealed, version, n);
    PERFORM pg_notify('log', (before + cardinality(news))::text);
    RETURN before;
END
$$;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the log is append-only' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE ON events FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER events_never_emptied BEFORE TRUNCATE ON events FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
