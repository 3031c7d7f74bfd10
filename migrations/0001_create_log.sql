-- The log: append-only, totally ordered without gaps, the only truth.
CREATE TABLE log_head (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint NOT NULL
) WITH (fillfactor = 10);
INSERT INTO log_head (position) VALUES (0);

CREATE TABLE events (
    position       bigint      NOT NULL PRIMARY KEY,
    event_id       uuid        NOT NULL CONSTRAINT events_event_id UNIQUE,
    stream         text        COLLATE "C" NOT NULL,
    version        integer     NOT NULL,
    type           text        COLLATE "C" NOT NULL,
    schema_version smallint    NOT NULL,
    occurred_at    timestamptz NOT NULL,
    recorded_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    correlation    uuid,
    causation      uuid,
    guild          bigint,
    channel        bigint,
    user_id        bigint,
    character      uuid,
    turn           uuid,
    subject        text        COLLATE "C",
    data           bytea       NOT NULL,
    sealed         bytea,
    CONSTRAINT events_stream_version UNIQUE (stream, version)
);

-- Positions are given out under the head's row lock, which is held until commit: commit order is position order,
-- and a rollback gives its positions back. So a reader that has seen position n has seen everything before it.
CREATE FUNCTION append_events(
    ids uuid[], streams text[], versions integer[], types text[], schema_versions smallint[], occurred timestamptz[],
    correlations uuid[], causations uuid[], guilds bigint[], channels bigint[], user_ids bigint[], characters uuid[], turns uuid[],
    subjects text[], clear bytea[], seals bytea[]
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    before bigint;
BEGIN
    UPDATE log_head SET position = position + cardinality(ids) RETURNING position - cardinality(ids) INTO before;
    INSERT INTO events (position, event_id, stream, version, type, schema_version, occurred_at, correlation, causation,
                        guild, channel, user_id, character, turn, subject, data, sealed)
    SELECT before + n, id, stream, version, type, schema_version, at, correlation, causation,
           guild, channel, user_id, character, turn, subject, data, sealed
    FROM unnest(ids, streams, versions, types, schema_versions, occurred, correlations, causations,
                guilds, channels, user_ids, characters, turns, subjects, clear, seals)
         WITH ORDINALITY AS e (id, stream, version, type, schema_version, at, correlation, causation,
                               guild, channel, user_id, character, turn, subject, data, sealed, n);
    PERFORM pg_notify('log', (before + cardinality(ids))::text);
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
