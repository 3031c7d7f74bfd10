-- How many answers a person may still have in a server now: a token bucket each, held by all processes and over restarts. Rows go when full again.
CREATE TABLE paces (
    guild      bigint           NOT NULL,
    person     bigint           NOT NULL,
    tokens     double precision NOT NULL,
    at         timestamptz      NOT NULL,
    message_id bigint           NOT NULL,
    allowed    boolean          NOT NULL,
    told_at    timestamptz,
    PRIMARY KEY (guild, person)
);
CREATE INDEX ON paces (at);
