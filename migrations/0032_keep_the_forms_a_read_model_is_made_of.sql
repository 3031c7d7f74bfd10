-- Event types, with their schema versions, that a set of tables was made of: an older program must not serve or fill what a newer one made.
ALTER TABLE projections ADD COLUMN forms jsonb;
