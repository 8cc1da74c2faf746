-- Whether metadata fulfils a filter: {"jsonpath": path} | {"and": [filter...]} | {"or": [filter...]}, keys of one
-- filter all together. A path matches when it yields anything; missing metadata matches nothing.
CREATE FUNCTION metadata_matches(metadata jsonb, filter jsonb) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    IF filter ? 'jsonpath'
        AND NOT coalesce(jsonb_path_exists(metadata, (filter ->> 'jsonpath')::jsonpath), false) THEN
        RETURN false;
    END IF;
    IF filter ? 'and' AND EXISTS (
        SELECT FROM jsonb_array_elements(filter -> 'and') AS part WHERE NOT metadata_matches(metadata, part)) THEN
        RETURN false;
    END IF;
    RETURN NOT filter ? 'or' OR EXISTS (
        SELECT FROM jsonb_array_elements(filter -> 'or') AS part WHERE metadata_matches(metadata, part));
END $$;
