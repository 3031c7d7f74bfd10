-- Who was typing where, of this moment only: quick messages of one person wait a little longer for the next. Losing it loses nothing.
CREATE UNLOGGED TABLE typing (
    channel  bigint      NOT NULL,
    user_id  bigint      NOT NULL,
    typed_at timestamptz NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (channel, user_id)
);
