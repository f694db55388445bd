CREATE FUNCTION slate.add_partitions(last_id bigint) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  size CONSTANT bigint := slate.partition_size();
  first_id bigint := (last_id - 1) / size * size + 1 + size;
  partition text := format('events_%s', first_id);
BEGIN
  WHILE first_id > 0 AND to_regclass(format('public.%I', partition)) IS NULL LOOP
    -- Made apart and attached, since PARTITION OF would lock out readers and pg_dump.
    EXECUTE format('CREATE TABLE public.%I (LIKE public.events)', partition);
    EXECUTE format('ALTER TABLE public.events ATTACH PARTITION public.%I FOR VALUES FROM (%s) TO (%s)',
      partition, first_id, first_id + size);
    EXECUTE format('CREATE TRIGGER check_sql_command BEFORE UPDATE OR DELETE OR TRUNCATE ON public.%I '
      'FOR EACH STATEMENT EXECUTE FUNCTION public.filter_sql_command()', partition);
    EXECUTE format('ALTER TABLE public.%I ENABLE ALWAYS TRIGGER check_sql_command', partition);
    EXECUTE format('COMMENT ON TABLE public.%I IS %L', partition,
      format('Events %s to %s.', first_id, first_id + size - 1));
    first_id := first_id - size;
    partition := format('events_%s', first_id);
  END LOOP;
END;
$function$;

COMMENT ON FUNCTION slate.add_partitions(bigint) IS
  'Makes the partitions that are missing for the events up to last_id, and one more. For the owner of events.';
