CREATE FUNCTION slate.refuse_insert_values(syntax text) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  indexes CONSTANT numeric[] := ARRAY(
    SELECT m[1]::numeric FROM regexp_matches(syntax, '[$]1[[]([0-9]+)[]]', 'g') AS m);
  row_count CONSTANT integer := cardinality(indexes);
  ts_count CONSTANT bigint := (SELECT count(*) FROM regexp_matches(syntax, '[$]2,', 'g'));
BEGIN
  FOR i IN 2 .. row_count LOOP
    IF indexes[i] <> indexes[i - 1] + 1 THEN
      RAISE EXCEPTION 'Parameter index is not consecutive at ------> %, previous index ------> %', indexes[i], indexes[i - 1]
        USING ERRCODE = 'SL012',
              HINT = 'Parameter for id column of the form "$1[x]" where x is the 1-based index for the row to be inserted is not greater than the previous row''s index';
    END IF;
  END LOOP;
  IF row_count < 1 THEN
    RAISE EXCEPTION 'No inserted rows found with id substitution parameters'
      USING ERRCODE = 'SL011',
            HINT = 'id column substitution parameter value for row to be inserted must be of the form "$1[x]" where x is the 1-indexed based index of the row';
  END IF;
  IF row_count <> indexes[row_count] THEN
    RAISE EXCEPTION 'Number of rows to be inserted (%) does not match the highest row index (%)', row_count, indexes[row_count]
      USING ERRCODE = 'SL013',
            HINT = 'The highest id column parameter substitution parameter index value does not match the number of rows to be inserted';
  END IF;
  IF row_count <> ts_count THEN
    RAISE EXCEPTION 'Number of rows to be inserted (%) does not match number of rows with a ts substitution parameter (%)', row_count, ts_count
      USING ERRCODE = 'SL014',
            HINT = 'ts column parameter substitution value for row to be inserted must be "$2"';
  END IF;
  RAISE EXCEPTION 'Rows to be inserted are not all of the form ($1[x], $2, ''event'')'
    USING ERRCODE = 'SL015',
          HINT = 'Nothing else may stand between or after the rows. The event is one string literal, which ::json or ::jsonb may follow. append_events takes a JSON array instead.';
END;
$function$;

COMMENT ON FUNCTION slate.refuse_insert_values(text) IS
  'Says what is wrong with the VALUES list of insert_events, always with an error. syntax: as for check_insert_values. '
  'SL011: no row. SL012: indexes not consecutive. SL013: highest index is not the number of rows. '
  'SL014: a row without $2. SL015: anything else than rows of the accepted form.';
