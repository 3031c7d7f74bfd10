-- The planner's statistics hold samples of a column's values. A wrapped key in them would outlive its destruction.
ALTER TABLE data_keys ALTER COLUMN wrapped SET STATISTICS 0;
ALTER TABLE provider_keys ALTER COLUMN sealed SET STATISTICS 0;
SELECT pg_clear_attribute_stats('public', 'data_keys', 'wrapped', false), pg_clear_attribute_stats('public', 'provider_keys', 'sealed', false);
