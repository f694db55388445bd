CREATE FUNCTION slate.conninfo(options jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  backslash CONSTANT text := E'\\';
  option record;
  conninfo text := '';
BEGIN
  FOR option IN SELECT o.key, o.value FROM jsonb_each_text(options) AS o LOOP
    IF option.key !~ '^[a-z_]+$' THEN
      RAISE EXCEPTION 'Connection option % is not a name', quote_literal(option.key)
        USING ERRCODE = 'SL040', HINT = 'Names are lower-case, as in PostgreSQL''s list of connection parameters.';
    END IF;
    CONTINUE WHEN option.value IS NULL;
    conninfo := conninfo || format('%s=''%s'' ', option.key,
      replace(replace(option.value, backslash, backslash || backslash), '''', backslash || ''''));
  END LOOP;
  RETURN conninfo;
END;
$function$;

COMMENT ON FUNCTION slate.conninfo(jsonb) IS
  'A libpq connection string of the options of a JSON object, every value quoted, null ones left out. '
  'SL040: a name that cannot be an option.';
