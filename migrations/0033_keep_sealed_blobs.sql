-- Pictures and other files that events refer to, each sealed with the key of those it belongs to and named by a keyed digest of its content.
CREATE TABLE blobs (
    address    text        COLLATE "C" PRIMARY KEY,
    subject    text        COLLATE "C" NOT NULL,
    size       integer     NOT NULL,
    sealed     bytea       STORAGE EXTERNAL NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX blobs_subject ON blobs (subject);

-- Edits and deletions of a channel: looked for when an old prompt is built again. Rare, so the index costs ordinary appends nothing.
CREATE INDEX events_changed_messages ON events (channel, position) WHERE type IN ('message.edited', 'message.deleted');
