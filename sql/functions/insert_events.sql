CREATE FUNCTION public.insert_events(insertValues text) RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  -- Stands for the two quotes that are a quote inside a literal. No JSON text can hold it.
  doubled_quote CONSTANT text := E'\x01';
  parts text[];
  syntax text;
  row_count integer;
  ids record;
BEGIN
  IF strpos(insertValues, doubled_quote) > 0 THEN
    RAISE EXCEPTION 'Control character 0x01 in the rows to be inserted'
      USING ERRCODE = 'SL017', HINT = E'JSON has it inside a string as \\u0001.';
  END IF;
  IF current_setting('standard_conforming_strings') = 'off' AND strpos(insertValues, E'\\') > 0 THEN
    RAISE EXCEPTION 'Backslash in the rows to be inserted while standard_conforming_strings is off'
      USING ERRCODE = 'SL018', HINT = 'It could mean two things. SET standard_conforming_strings = on, or use append_events.';
  END IF;

  -- Split at the quotes: the odd parts are syntax, the even parts are the text of the literals.
  parts := string_to_array(replace(insertValues, '''''', doubled_quote), '''');
  IF cardinality(parts) = 3 THEN
    -- One event, the most frequent call: no query is needed.
    syntax := concat(parts[1], '''', parts[3]);
  ELSE
    syntax := (SELECT string_agg(p.part, '''' ORDER BY p.position)
               FROM unnest(parts) WITH ORDINALITY AS p (part, position) WHERE p.position % 2 = 1)
      -- A literal that never ends leaves its quote at the end, where no row has one.
      || CASE WHEN cardinality(parts) % 2 = 0 THEN '''' ELSE '' END;
  END IF;
  row_count := slate.check_insert_values(syntax);
  IF syntax ~ '[eE]''' THEN
    parts := slate.unescape_literals(parts);
  END IF;

  ids := slate.take_ids(row_count);
  INSERT INTO public.events (id, ts, event)
  SELECT ids.first_id + p.position / 2 - 1, ids.ts, replace(p.part, doubled_quote, '''')::jsonb
  FROM unnest(parts) WITH ORDINALITY AS p (part, position) WHERE p.position % 2 = 0;
  RETURN row_count;
END;
$function$;

COMMENT ON FUNCTION public.insert_events(text) IS
  'Stores events, for clients of the original; new ones call append_events. insertValues: rows of the form '
  '($1[x], $2, ''event''), x counting from 1, parted by commas. Returns the number of events stored. '
  'SL011 to SL018: the rows are not of that form. SL002, SL003: table id does not fit events. '
  'SL004: the source is being recovered.';
