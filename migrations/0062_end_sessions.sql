-- Sessions of the console that were logged out before they ran out: their cookies open nothing any more, in no process.
CREATE TABLE ended_sessions (
    session text PRIMARY KEY,
    until timestamptz NOT NULL
);
