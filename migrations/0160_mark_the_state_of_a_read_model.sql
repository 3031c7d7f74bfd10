-- Which state a read model's tables are in: another mark whenever they change or others take their place. Equal marks are equal rows.
ALTER TABLE projections ADD COLUMN changed uuid NOT NULL DEFAULT gen_random_uuid();
