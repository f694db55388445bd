CREATE FUNCTION pov.live_rules() RETURNS SETOF pov.live_item
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT 'pg_rewrite'::regclass, r.oid, 'rule', target, 'RULE ' || target, 'DROP RULE ' || target,
    pg_get_ruledef(r.oid), '{}'::text[], NULL::oid, NULL::"char", NULL::aclitem[], '{}'::text[],
    pov.enabled_set('RULE', t.name, r.rulename, r.ev_enabled),
    pov.enabled_unset('RULE', t.name, r.rulename, r.ev_enabled), t.nspname::text, t.name, NULL::text,
    t.relowner, '{}'::text[], false, NULL::text
  FROM pg_rewrite AS r
  JOIN pov.live_relation AS t ON t.oid = r.ev_class,
  LATERAL (SELECT format('%I ON %s', r.rulename, t.name) AS target) AS n
  WHERE r.rulename <> '_RETURN'
$function$;

COMMENT ON FUNCTION pov.live_rules() IS 'The rules that are not a view''s own.';
