-- A provider key is sealed with one of its person's data keys: which one is said, as they may have a newer one since.
ALTER TABLE provider_keys ADD COLUMN subject text COLLATE "C";
UPDATE provider_keys SET subject = 'user:' || user_id::text;
ALTER TABLE provider_keys ALTER COLUMN subject SET NOT NULL;
