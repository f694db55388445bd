CREATE FUNCTION slate.check_restorable() RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  event_count bigint;
  next_id bigint;
BEGIN
  IF NOT (SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_class AS c WHERE c.oid = 'public.events'::regclass) THEN
    RAISE EXCEPTION 'Role % does not own table events', quote_ident(current_user)
      USING ERRCODE = 'SL030', HINT = 'A restore sets indexes and a trigger aside. Run it as the owner, or SET ROLE to it.';
  END IF;
  -- In the order of the writers, so that those who come meanwhile wait and then go on behind the restored events.
  SELECT i.id INTO next_id FROM public.id AS i FOR UPDATE;
  SELECT count(*) INTO event_count FROM public.events;
  IF event_count <> 0 THEN
    RAISE EXCEPTION 'Source events table row count (%) is not 0', event_count
      USING ERRCODE = 'SL031', HINT = 'The Source events database must be initialized with init-slate-db';
  END IF;
  IF next_id IS DISTINCT FROM 1 THEN
    RAISE EXCEPTION 'Source id table id value (%) is not 1', next_id
      USING ERRCODE = 'SL032', HINT = 'The Source events database must be initialized with init-slate-db';
  END IF;
END;
$function$;

COMMENT ON FUNCTION slate.check_restorable() IS
  'Locks writers out until the transaction ends and makes sure that this source is as init-slate-db left it. '
  'SL030: not the owner. SL031: there are events. SL032: the next id is not 1.';
