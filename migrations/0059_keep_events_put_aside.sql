-- An event whose content Postgres refused is put aside by the read model itself: what it was, and by which class of error.
ALTER TABLE projection_skips ADD COLUMN error text COLLATE "C";
ALTER TABLE projection_skips ADD COLUMN type text COLLATE "C";
ALTER TABLE projection_skips ADD COLUMN event_id uuid;
