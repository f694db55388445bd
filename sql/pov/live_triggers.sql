CREATE FUNCTION pov.live_triggers() RETURNS SETOF pov.live_item
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT 'pg_trigger'::regclass, g.oid, 'trigger', target, 'TRIGGER ' || target, 'DROP TRIGGER ' || target,
    pg_get_triggerdef(g.oid), '{}'::text[], NULL::oid, NULL::"char", NULL::aclitem[], '{}'::text[],
    pov.enabled_set('TRIGGER', t.name, g.tgname, g.tgenabled),
    pov.enabled_unset('TRIGGER', t.name, g.tgname, g.tgenabled), t.nspname::text, t.name, NULL::text,
    t.relowner, '{}'::text[], false, NULL::text
  FROM pg_trigger AS g
  JOIN pov.live_relation AS t ON t.oid = g.tgrelid,
  LATERAL (SELECT format('%I ON %s', g.tgname, t.name) AS target) AS n
  WHERE NOT g.tgisinternal AND g.tgparentid = 0
$function$;

COMMENT ON FUNCTION pov.live_triggers() IS 'The triggers that someone made; not those of foreign keys, nor a partition''s copies.';
