-- Claims for names that were taken before there were claims: each short name by the oldest character that has it and was not
-- deleted, and the default preset by the one that is. From now on a command keeps them (engine/decide/claim.py).
WITH said AS (
    SELECT position, type, convert_from(data, 'UTF8')::jsonb AS data FROM events
    WHERE type IN ('character.created', 'character.edited', 'character.deleted', 'preset.created', 'preset.edited', 'preset.deleted')
), latest AS (
    SELECT DISTINCT ON (data ->> 'character_id', data ->> 'preset_id')
           coalesce(data ->> 'character_id', data ->> 'preset_id') AS thing, type, data,
           min(position) OVER (PARTITION BY data ->> 'character_id', data ->> 'preset_id') AS born, position
    FROM said ORDER BY data ->> 'character_id', data ->> 'preset_id', position DESC
), names AS (
    SELECT DISTINCT ON (data ->> 'slug') 'slug:' || (data ->> 'slug') AS name, thing
    FROM latest WHERE type LIKE 'character.%' AND type <> 'character.deleted' ORDER BY data ->> 'slug', born
), defaults AS (
    SELECT DISTINCT ON (kind) 'default:' || kind AS name, thing
    FROM latest CROSS JOIN LATERAL (VALUES ('preset', 'is_default'), ('free-preset', 'is_free_default')) AS k (kind, flag)
    WHERE type LIKE 'preset.%' AND type <> 'preset.deleted' AND (data ->> 'is_global')::boolean AND (data ->> flag)::boolean
    ORDER BY kind, position DESC
), claims AS (
    SELECT name, thing, row_number() OVER (ORDER BY name) AS n FROM (SELECT * FROM names UNION ALL SELECT * FROM defaults) AS every
), moved AS (
    UPDATE log_head SET position = position + (SELECT count(*) FROM claims) RETURNING position - (SELECT count(*) FROM claims) AS before
)
INSERT INTO events (position, event_id, occurred_at, type, schema_version, stream, "character", data, version)
SELECT before + n, md5('claim ' || name)::uuid, now(), 'claim.made', 1, name,
       CASE WHEN name LIKE 'slug:%' THEN thing::uuid END,
       convert_to(jsonb_build_object('name', name, 'holder', thing)::text, 'UTF8'), 1
FROM claims CROSS JOIN moved;
