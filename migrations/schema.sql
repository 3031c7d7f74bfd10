CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public;

COMMENT ON EXTENSION vector IS 'vector data type and ivfflat and hnsw access methods';

CREATE TYPE public.new_event AS (
	event_id uuid,
	occurred_at timestamp with time zone,
	type text,
	schema_version smallint,
	stream text,
	correlation uuid,
	causation uuid,
	guild bigint,
	channel bigint,
	user_id bigint,
	"character" uuid,
	turn uuid,
	subject text,
	data bytea,
	sealed bytea,
	version integer
);

CREATE FUNCTION public.append_events(news public.new_event[]) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.epoch_of(key_name text) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN COALESCE(("substring"(key_name, '^[a-z]+:[0-9]+:([0-9]+)$'::text))::integer, 1);

CREATE FUNCTION public.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'the log is append-only' USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TABLE public.blobs (
    address text NOT NULL COLLATE pg_catalog."C",
    subject text NOT NULL COLLATE pg_catalog."C",
    size integer NOT NULL,
    sealed bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE ONLY public.blobs ALTER COLUMN sealed SET STORAGE EXTERNAL;

CREATE TABLE public.data_keys (
    subject text NOT NULL COLLATE pg_catalog."C",
    wrapped bytea,
    master_key_id text NOT NULL COLLATE pg_catalog."C",
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    destroyed_at timestamp with time zone,
    CONSTRAINT data_keys_check CHECK (((wrapped IS NULL) = (destroyed_at IS NOT NULL)))
);
ALTER TABLE ONLY public.data_keys ALTER COLUMN wrapped SET STATISTICS 0;

CREATE UNLOGGED TABLE public.drafts (
    turn uuid NOT NULL,
    channel bigint NOT NULL,
    subject text NOT NULL,
    sealed bytea NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.ended_sessions (
    session text NOT NULL,
    until timestamp with time zone NOT NULL
);

CREATE TABLE public.events (
    "position" bigint NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    recorded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    event_id uuid NOT NULL,
    version integer NOT NULL,
    schema_version smallint NOT NULL,
    stream text NOT NULL COLLATE pg_catalog."C",
    type text NOT NULL COLLATE pg_catalog."C",
    correlation uuid,
    causation uuid,
    guild bigint,
    channel bigint,
    user_id bigint,
    "character" uuid,
    turn uuid,
    subject text COLLATE pg_catalog."C",
    data bytea NOT NULL,
    sealed bytea
);
ALTER TABLE ONLY public.events ALTER COLUMN sealed SET STORAGE EXTERNAL;

CREATE UNLOGGED TABLE public.heartbeats (
    process text NOT NULL COLLATE pg_catalog."C",
    instance uuid NOT NULL,
    pid integer NOT NULL,
    host text NOT NULL,
    version text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    beat_at timestamp with time zone NOT NULL,
    details jsonb DEFAULT '{}'::jsonb NOT NULL
);

CREATE TABLE public.key_epochs (
    subject text NOT NULL COLLATE pg_catalog."C",
    epoch integer NOT NULL,
    CONSTRAINT key_epochs_epoch_check CHECK ((epoch > 1))
);

CREATE TABLE public.leases (
    conversation text NOT NULL COLLATE pg_catalog."C",
    turn uuid NOT NULL,
    holder uuid NOT NULL,
    attempt integer DEFAULT 1 NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

CREATE TABLE public.library_aggregates (
    purpose text NOT NULL COLLATE pg_catalog."C",
    originator text NOT NULL COLLATE pg_catalog."C",
    version integer NOT NULL,
    topic text NOT NULL COLLATE pg_catalog."C",
    state bytea NOT NULL
);

CREATE TABLE public.library_tracking (
    application text NOT NULL COLLATE pg_catalog."C",
    "position" bigint NOT NULL
);

CREATE TABLE public.log_head (
    only_row boolean DEFAULT true NOT NULL,
    "position" bigint NOT NULL,
    CONSTRAINT log_head_only_row_check CHECK (only_row)
)
WITH (fillfactor='10');

CREATE TABLE public.memory_embeddings (
    model text NOT NULL COLLATE pg_catalog."C",
    subject text NOT NULL COLLATE pg_catalog."C",
    digest text NOT NULL COLLATE pg_catalog."C",
    "position" bigint NOT NULL,
    sealed bytea NOT NULL
);

CREATE TABLE public.migrations (
    number integer NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.paces (
    guild bigint NOT NULL,
    person bigint NOT NULL,
    tokens double precision NOT NULL,
    at timestamp with time zone NOT NULL,
    message_id bigint NOT NULL,
    allowed boolean NOT NULL,
    told_at timestamp with time zone
);

CREATE TABLE public.past_views (
    schema_name text NOT NULL,
    name text NOT NULL,
    fingerprint text NOT NULL,
    "position" bigint NOT NULL,
    used_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.projection_skips (
    name text NOT NULL COLLATE pg_catalog."C",
    "position" bigint NOT NULL,
    reason text NOT NULL,
    made_at timestamp with time zone DEFAULT now() NOT NULL,
    error text COLLATE pg_catalog."C",
    type text COLLATE pg_catalog."C",
    event_id uuid
);

CREATE TABLE public.projections (
    name text NOT NULL COLLATE pg_catalog."C",
    role text NOT NULL COLLATE pg_catalog."C",
    version integer NOT NULL,
    schema_name text NOT NULL COLLATE pg_catalog."C",
    "position" bigint DEFAULT 0 NOT NULL,
    status text DEFAULT 'running'::text NOT NULL COLLATE pg_catalog."C",
    problem jsonb,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    phase text DEFAULT 'ready'::text NOT NULL COLLATE pg_catalog."C",
    fingerprint text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    forms jsonb,
    changed uuid DEFAULT gen_random_uuid() NOT NULL,
    CONSTRAINT projections_phase_check CHECK ((phase = ANY (ARRAY['loading'::text, 'indexing'::text, 'ready'::text]))),
    CONSTRAINT projections_role_check CHECK ((role = ANY (ARRAY['live'::text, 'building'::text, 'previous'::text]))),
    CONSTRAINT projections_status_check CHECK ((status = ANY (ARRAY['running'::text, 'stopped'::text])))
);

CREATE TABLE public.provider_keys (
    key_id uuid NOT NULL,
    user_id bigint NOT NULL,
    provider text NOT NULL COLLATE pg_catalog."C",
    sealed bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    subject text NOT NULL COLLATE pg_catalog."C"
);
ALTER TABLE ONLY public.provider_keys ALTER COLUMN sealed SET STATISTICS 0;

CREATE TABLE public.relay (
    only_row boolean DEFAULT true NOT NULL,
    "position" bigint DEFAULT 0 NOT NULL,
    stream_created text,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT relay_only_row_check CHECK (only_row)
);

CREATE TABLE public.retired_master_keys (
    master_key_id text NOT NULL COLLATE pg_catalog."C",
    retired_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE UNLOGGED TABLE public.typing (
    channel bigint NOT NULL,
    user_id bigint NOT NULL,
    typed_at timestamp with time zone NOT NULL,
    noted_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.blobs
    ADD CONSTRAINT blobs_pkey PRIMARY KEY (address);

ALTER TABLE ONLY public.data_keys
    ADD CONSTRAINT data_keys_pkey PRIMARY KEY (subject);

ALTER TABLE ONLY public.drafts
    ADD CONSTRAINT drafts_pkey PRIMARY KEY (turn);

ALTER TABLE ONLY public.ended_sessions
    ADD CONSTRAINT ended_sessions_pkey PRIMARY KEY (session);

ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_event_id UNIQUE (event_id);

ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY ("position");

ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_stream_version UNIQUE (stream, version);

ALTER TABLE ONLY public.heartbeats
    ADD CONSTRAINT heartbeats_pkey PRIMARY KEY (process, instance);

ALTER TABLE ONLY public.key_epochs
    ADD CONSTRAINT key_epochs_pkey PRIMARY KEY (subject);

ALTER TABLE ONLY public.leases
    ADD CONSTRAINT leases_pkey PRIMARY KEY (conversation);

ALTER TABLE ONLY public.library_aggregates
    ADD CONSTRAINT library_aggregates_pkey PRIMARY KEY (purpose, originator, version);

ALTER TABLE ONLY public.library_tracking
    ADD CONSTRAINT library_tracking_pkey PRIMARY KEY (application);

ALTER TABLE ONLY public.log_head
    ADD CONSTRAINT log_head_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.memory_embeddings
    ADD CONSTRAINT memory_embeddings_pkey PRIMARY KEY (model, subject, digest);

ALTER TABLE ONLY public.migrations
    ADD CONSTRAINT migrations_pkey PRIMARY KEY (number);

ALTER TABLE ONLY public.paces
    ADD CONSTRAINT paces_pkey PRIMARY KEY (guild, person);

ALTER TABLE ONLY public.past_views
    ADD CONSTRAINT past_views_pkey PRIMARY KEY (schema_name);

ALTER TABLE ONLY public.projection_skips
    ADD CONSTRAINT projection_skips_pkey PRIMARY KEY (name, "position");

ALTER TABLE ONLY public.projections
    ADD CONSTRAINT projections_pkey PRIMARY KEY (name, role);

ALTER TABLE ONLY public.provider_keys
    ADD CONSTRAINT provider_keys_pkey PRIMARY KEY (key_id);

ALTER TABLE ONLY public.relay
    ADD CONSTRAINT relay_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.retired_master_keys
    ADD CONSTRAINT retired_master_keys_pkey PRIMARY KEY (master_key_id);

ALTER TABLE ONLY public.typing
    ADD CONSTRAINT typing_pkey PRIMARY KEY (channel, user_id);

CREATE INDEX blobs_subject ON public.blobs USING btree (subject);

CREATE INDEX events_changed_messages ON public.events USING btree (channel, "position") WHERE (type = ANY (ARRAY['message.edited'::text, 'message.deleted'::text]));

CREATE INDEX memory_embeddings_position ON public.memory_embeddings USING btree ("position");

CREATE INDEX paces_at_idx ON public.paces USING btree (at);

CREATE INDEX provider_keys_user ON public.provider_keys USING btree (user_id);

CREATE TRIGGER events_append_only BEFORE DELETE OR UPDATE ON public.events FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER events_never_emptied BEFORE TRUNCATE ON public.events FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
