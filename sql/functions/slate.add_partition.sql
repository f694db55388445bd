CREATE FUNCTION slate.add_partition(first_id bigint, size bigint) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  name CONSTANT text := format('events_%s', first_id);
  events record;
BEGIN
  IF to_regclass(format('public.%I', name)) IS NOT NULL THEN
    RAISE EXCEPTION 'Relation public.% is no partition for the events from % on, and is in the way of one', quote_ident(name), first_id
      USING ERRCODE = 'SL060', HINT = format('Rename it: ALTER TABLE public.%I RENAME TO …', name);
  END IF;
  SELECT quote_ident(r.rolname) AS owner, ' TABLESPACE ' || quote_ident(t.spcname) AS tablespace INTO events
  FROM pg_class AS c JOIN pg_roles AS r ON r.oid = c.relowner LEFT JOIN pg_tablespace AS t ON t.oid = c.reltablespace
  WHERE c.oid = 'public.events'::regclass;
  -- Made apart and attached, since PARTITION OF would lock out readers and pg_dump. With all that ATTACH asks for.
  EXECUTE format('CREATE TABLE public.%I (LIKE public.events INCLUDING COMPRESSION INCLUDING CONSTRAINTS '
    'INCLUDING DEFAULTS INCLUDING GENERATED INCLUDING STORAGE)%s', name, events.tablespace);
  -- Who recovers is a member of the owner for a time, and is to keep nothing.
  EXECUTE format('ALTER TABLE public.%I OWNER TO %s', name, events.owner);
  EXECUTE format('ALTER TABLE public.events ATTACH PARTITION public.%I FOR VALUES FROM (%s) TO (%s)',
    name, first_id, first_id + size);
  EXECUTE format('CREATE TRIGGER check_sql_command BEFORE UPDATE OR DELETE OR TRUNCATE ON public.%I '
    'FOR EACH STATEMENT EXECUTE FUNCTION public.filter_sql_command()', name);
  EXECUTE format('ALTER TABLE public.%I ENABLE ALWAYS TRIGGER check_sql_command', name);
  EXECUTE format('COMMENT ON TABLE public.%I IS %L', name,
    format('Events %s to %s.', first_id, first_id + size - 1));
END;
$function$;

COMMENT ON FUNCTION slate.add_partition(bigint, bigint) IS
  'Makes the partition of events for size ids from first_id on. For the owner of events. '
  'SL060: there is another relation of its name.';
