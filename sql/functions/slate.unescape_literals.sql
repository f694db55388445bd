CREATE FUNCTION slate.unescape_literals(parts text[]) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  unescaped text[] := parts;
  backslash CONSTANT text := E'\\';
BEGIN
  FOR i IN 2 .. cardinality(parts) BY 2 LOOP
    CONTINUE WHEN unescaped[i - 1] !~ '[eE]$';
    IF strpos(replace(unescaped[i], backslash || backslash, ''), backslash) > 0 THEN
      RAISE EXCEPTION 'Event % is an E'''' literal with an escape other than a doubled backslash', i / 2
        USING ERRCODE = 'SL016', HINT = 'Double every backslash and every quote, as the quoting functions of the drivers do.';
    END IF;
    unescaped[i] := replace(unescaped[i], backslash || backslash, backslash);
  END LOOP;
  RETURN unescaped;
END;
$function$;

COMMENT ON FUNCTION slate.unescape_literals(text[]) IS
  'The VALUES list of insert_events, split at its quotes, with the text of E'''' literals unescaped. '
  'SL016: an escape other than a doubled backslash.';
