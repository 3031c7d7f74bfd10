-- One row per set of read-model tables: the serving one ('live') and one being built beside it ('building').
CREATE TABLE projections (
    name        text        COLLATE "C" NOT NULL,
    role        text        COLLATE "C" NOT NULL CHECK (role IN ('live', 'building')),
    version     integer     NOT NULL,
    schema_name text        COLLATE "C" NOT NULL,
    position    bigint      NOT NULL DEFAULT 0,
    status      text        COLLATE "C" NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'stopped')),
    problem     jsonb,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, role)
);

-- Where the relay stands, and which incarnation of the broker's stream it has been filling.
CREATE TABLE relay (
    only_row       boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position       bigint NOT NULL DEFAULT 0,
    stream_created text,
    updated_at     timestamptz NOT NULL DEFAULT now()
);
INSERT INTO relay DEFAULT VALUES;

-- Processes that are alive, for health. Not derived from the log: it says what is, not what happened.
CREATE UNLOGGED TABLE heartbeats (
    process    text        COLLATE "C" NOT NULL,
    instance   uuid        NOT NULL,
    pid        integer     NOT NULL,
    host       text        NOT NULL,
    version    text        NOT NULL,
    started_at timestamptz NOT NULL,
    beat_at    timestamptz NOT NULL,
    details    jsonb       NOT NULL DEFAULT '{}',
    PRIMARY KEY (process, instance)
);

-- Which worker is generating in which conversation. A lease that is not renewed can be taken over.
CREATE TABLE leases (
    conversation text        COLLATE "C" PRIMARY KEY,
    turn         uuid        NOT NULL,
    holder       uuid        NOT NULL,
    attempt      integer     NOT NULL DEFAULT 1,
    expires_at   timestamptz NOT NULL
);

-- Text that is being streamed right now, sealed like the event it will become. Losing it loses nothing.
CREATE UNLOGGED TABLE drafts (
    turn       uuid PRIMARY KEY,
    channel    bigint      NOT NULL,
    subject    text        NOT NULL,
    sealed     bytea       NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);
