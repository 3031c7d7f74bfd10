CREATE EXTENSION IF NOT EXISTS vector;

-- Vectors of memories: the durable store of what embedding computed, and the way to search when no hot index is at hand.
-- Not derived from the log alone (a model computed them), but computable again from it: losing the table costs time, nothing else.
CREATE TABLE memory_vectors (
    persona     text        COLLATE "C" NOT NULL,
    character   text        COLLATE "C" NOT NULL DEFAULT '',
    memory      text        COLLATE "C" NOT NULL,
    part        integer     NOT NULL,
    model       text        COLLATE "C" NOT NULL,
    text_hash   bytea       NOT NULL,
    vector      vector(384) NOT NULL,
    token_ids   bytea       NOT NULL,
    tokens      bytea       NOT NULL,
    scales      bytea       NOT NULL,
    embedded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (persona, character, model, memory, part)
);

-- One memory's rows whoever they belong to: for deletions.
CREATE INDEX memory_vectors_memory ON memory_vectors (memory);
