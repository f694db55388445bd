CREATE FUNCTION slate.survey_backup(connection text, until_id bigint, OUT event_count bigint, OUT highest_id bigint)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  lowest_id bigint;
  missing_id bigint;
  up_to CONSTANT text := CASE WHEN until_id IS NULL THEN '' ELSE format(' WHERE id <= %s', until_id) END;
BEGIN
  SELECT b.highest, b.events, b.lowest INTO highest_id, event_count, lowest_id
  FROM public.dblink(connection, 'SELECT max(id), count(*), min(id) FROM public.events' || up_to)
    AS b (highest bigint, events bigint, lowest bigint);
  IF highest_id IS NULL OR highest_id < 1 THEN
    RAISE EXCEPTION 'The from events table maximum id value (%) is not 1 or greater', highest_id
      USING ERRCODE = 'SL033',
            HINT = 'The events table used to restore the Source events table must have a maximum id value of 1 or greater';
  END IF;
  IF highest_id < until_id THEN
    RAISE EXCEPTION 'The from events table has no event % to restore until; it ends at %', until_id, highest_id
      USING ERRCODE = 'SL039', HINT = 'Leave untilId out, or use a backup that has followed longer.';
  END IF;
  IF event_count <> highest_id THEN
    SELECT b.id INTO missing_id
    FROM public.dblink(connection,
      'SELECT min(id) + 1 FROM public.events AS e WHERE id >= 0 '
      'AND NOT EXISTS (SELECT FROM public.events AS n WHERE n.id = e.id + 1)') AS b (id bigint);
    RAISE EXCEPTION 'The from events table row count (%) is not equal to the from events table maximum id (%)', event_count, highest_id
      USING ERRCODE = 'SL034',
            DETAIL = format('Lowest id %s, first id missing %s.', lowest_id, CASE WHEN lowest_id > 1 THEN 1 ELSE missing_id END),
            HINT = 'The events table used to restore the Source events table is not valid';
  END IF;
  IF lowest_id <> 1 THEN
    RAISE EXCEPTION 'The from events table minimum id value (%) is not 1', lowest_id
      USING ERRCODE = 'SL035',
            HINT = 'The events table used to restore the Source events table is not valid';
  END IF;
END;
$function$;

COMMENT ON FUNCTION slate.survey_backup(text, bigint) IS
  'Number of events and highest id of the backup behind a dblink connection, up to event until_id (null: all). SL033: it has no events. SL034: ids are '
  'missing or double. SL035: the lowest id is not 1. SL039: it ends before until_id.';
