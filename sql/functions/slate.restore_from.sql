CREATE FUNCTION slate.restore_from(conninfo text, until_id bigint, OUT rows_restored bigint, OUT highest_id bigint)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET default_tablespace = ''
AS $function$
DECLARE
  connections CONSTANT text[] := slate.connect_backup(conninfo);
  notify_command text;
  index_commands text[];
  command text;
BEGIN
  highest_id := (slate.survey_backup(connections[1], until_id)).highest_id;
  IF to_regproc('slate.add_partitions') IS NOT NULL THEN
    PERFORM slate.add_partitions(highest_id);
  END IF;
  LOCK TABLE public.events IN ACCESS EXCLUSIVE MODE;
  index_commands := slate.set_indexes_aside();
  notify_command := slate.set_notify_trigger_aside();
  rows_restored := slate.load_events(connections, 1, highest_id - 1);
  EXECUTE notify_command;
  -- Listeners hear of the last event alone.
  rows_restored := rows_restored + slate.load_events(connections, highest_id, highest_id);
  PERFORM slate.disconnect_backup();
  FOREACH command IN ARRAY index_commands LOOP
    EXECUTE command;
  END LOOP;
END;
$function$;

COMMENT ON FUNCTION slate.restore_from(text, bigint) IS
  'Fills the empty table events from the backup that a libpq connection string leads to. until_id: the last event '
  'to restore; null: all.';
