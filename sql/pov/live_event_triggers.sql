CREATE FUNCTION pov.live_event_triggers() RETURNS SETOF pov.live_item
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT 'pg_event_trigger'::regclass, e.oid, 'event trigger', quote_ident(e.evtname), 'EVENT TRIGGER ' || quote_ident(e.evtname),
    'DROP EVENT TRIGGER ' || quote_ident(e.evtname),
    format('CREATE EVENT TRIGGER %I ON %I%s EXECUTE FUNCTION %s()', e.evtname, e.evtevent,
      (SELECT format(' WHEN tag IN (%s)', string_agg(quote_literal(t), ', ' ORDER BY t COLLATE "C")) FROM unnest(e.evttags) AS t
       HAVING count(*) > 0), e.evtfoid::regproc),
    '{}'::text[], e.evtowner, NULL::"char", NULL::aclitem[], '{}'::text[],
    CASE WHEN e.evtenabled = 'O' THEN '{}' ELSE ARRAY[format('ALTER EVENT TRIGGER %I %s', e.evtname,
      CASE e.evtenabled WHEN 'D' THEN 'DISABLE' WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE REPLICA' END)] END,
    CASE WHEN e.evtenabled = 'O' THEN '{}' ELSE ARRAY[format('ALTER EVENT TRIGGER %I ENABLE', e.evtname)] END,
    NULL::text, NULL::text, NULL::text, e.evtowner, '{}'::text[], true, NULL::text
  FROM pg_event_trigger AS e
  WHERE NOT EXISTS (SELECT FROM pg_depend AS d
    WHERE d.classid = 'pg_event_trigger'::regclass AND d.objid = e.oid AND d.deptype = 'e')
$function$;

COMMENT ON FUNCTION pov.live_event_triggers() IS 'The event triggers.';
