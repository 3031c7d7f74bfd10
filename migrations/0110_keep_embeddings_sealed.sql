-- What embedding computed of a text, sealed with its person's key and found by a keyed digest of the text: no text is embedded twice,
-- and without the key neither the vector nor the text says anything. Losing the table costs time, nothing else.
CREATE TABLE memory_embeddings (
    model    text   COLLATE "C" NOT NULL,
    subject  text   COLLATE "C" NOT NULL,
    digest   text   COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    sealed   bytea  NOT NULL,
    PRIMARY KEY (model, subject, digest)
);

CREATE INDEX memory_embeddings_position ON memory_embeddings (position);
