-- For programs written with `eventsourcing`: what its trackers and its snapshots need beside the log itself.
CREATE TABLE library_tracking (
    application text   COLLATE "C" PRIMARY KEY,
    position    bigint NOT NULL
);
CREATE TABLE library_aggregates (
    purpose    text    COLLATE "C" NOT NULL,
    originator text    COLLATE "C" NOT NULL,
    version    integer NOT NULL,
    topic      text    COLLATE "C" NOT NULL,
    state      bytea   NOT NULL,
    PRIMARY KEY (purpose, originator, version)
);
