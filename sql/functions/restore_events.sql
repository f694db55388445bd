CREATE FUNCTION public.restore_events(
  fromHost text, fromDatabase text, fromDatabaseUser text, fromDatabasePassword text,
  fromPort integer DEFAULT NULL, fromOptions jsonb DEFAULT '{}',
  untilId bigint DEFAULT NULL,
  OUT rows_restored bigint, OUT next_insert_id bigint
)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  highest_id bigint;
  event_count bigint;
  duplicate text;
BEGIN
  PERFORM slate.check_restorable();
  BEGIN
    SELECT r.rows_restored, r.highest_id INTO rows_restored, highest_id
    FROM slate.restore_from(slate.conninfo(
      jsonb_build_object('connect_timeout', 15, 'fallback_application_name', 'restore_events')
      || coalesce(fromOptions, '{}')
      || jsonb_strip_nulls(jsonb_build_object('host', fromHost, 'port', fromPort, 'dbname', fromDatabase,
                                              'user', fromDatabaseUser, 'password', fromDatabasePassword))), untilId) AS r;
  EXCEPTION WHEN unique_violation THEN
    GET STACKED DIAGNOSTICS duplicate = PG_EXCEPTION_DETAIL;
    PERFORM slate.disconnect_backup();
    RAISE EXCEPTION 'The from events table does not fit a unique index of the Source events table'
      USING ERRCODE = 'SL038', DETAIL = concat_ws(' ', SQLERRM, duplicate),
            HINT = 'The events table used to restore the Source events table is not valid';
  WHEN query_canceled OR OTHERS THEN
    -- The connections to the backup would outlive the transaction.
    PERFORM slate.disconnect_backup();
    RAISE;
  END;

  SELECT max(e.id), count(*) INTO highest_id, event_count FROM public.events AS e;
  IF event_count <> highest_id THEN
    RAISE EXCEPTION 'The Source events table row count (%) is not equal to the Source events table maximum id (%)', event_count, highest_id
      USING ERRCODE = 'SL036', HINT = 'The restored Source events table is not valid';
  END IF;
  IF event_count <> rows_restored THEN
    RAISE EXCEPTION 'The Source events table row count (%) is not equal to the Source events table rows restored (%)', event_count, rows_restored
      USING ERRCODE = 'SL037', HINT = 'The Source events table restore had a program logic error';
  END IF;
  UPDATE public.id SET id = highest_id + 1 RETURNING id INTO next_insert_id;
END;
$function$;

COMMENT ON FUNCTION public.restore_events(text, text, text, text, integer, jsonb, bigint) IS
  'Fills this source, as init-slate-db left it, from a backup, in one transaction and from one snapshot of the backup. '
  'fromHost to fromPort: where the backup is, as this server reaches it. fromOptions: a JSON object of further libpq '
  'connection options, sslmode for one. untilId: the last event to restore; null: all. Returns the number of events restored and the id that the next event gets. '
  'SL030 to SL032: not to be done here. SL033 to SL035: the backup is not valid. SL036, SL037: the result is not. '
  'SL038: the backup has an id twice, or breaks another unique index. '
  'SL039: it ends before untilId. SL040: fromOptions has a name that cannot be an option.';
