CREATE FUNCTION slate.check_insert_values(syntax text) RETURNS integer
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  -- No backslash stands in a plain literal here: what it means depends on the caller's settings.
  form CONSTANT text := replace(
    replace('^~@(~,~@)*~$', '@', '[(]~[$]1[[][0-9]+[]]~,~[$]2,~[eE]?''~(::~[jJ][sS][oO][nN][bB]?~)?[)]'),
    '~', E'[ \\t\\n\\r\\f\\v]*');
  has_form CONSTANT boolean := syntax ~ form;
  -- What stands behind each "[": first the opening of the first row, then "1], $2, …" and so on.
  pieces CONSTANT text[] := string_to_array(syntax, '[');
  row_count CONSTANT integer := cardinality(pieces) - 1;
BEGIN
  IF has_form THEN
    FOR row_number IN 1 .. row_count LOOP
      EXIT WHEN NOT starts_with(ltrim(pieces[row_number + 1], '0'), row_number || ']');
      IF row_number = row_count THEN
        RETURN row_count;
      END IF;
    END LOOP;
  END IF;
  PERFORM slate.refuse_insert_values(syntax);
END;
$function$;

COMMENT ON FUNCTION slate.check_insert_values(text) IS
  'How many rows the VALUES list of insert_events has. syntax: the list with every literal cut down to one quote. '
  'SL011 to SL015: see slate.refuse_insert_values.';
