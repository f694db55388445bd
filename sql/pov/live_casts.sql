CREATE FUNCTION pov.live_casts() RETURNS SETOF pov.live_item
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  -- A cast has no owner: who owns either of its types may change it.
  SELECT 'pg_cast'::regclass, c.oid, 'cast', target, 'CAST ' || target, 'DROP CAST ' || target,
    concat_ws(' ', 'CREATE CAST', target,
      CASE c.castmethod WHEN 'f' THEN 'WITH FUNCTION ' || c.castfunc::regprocedure WHEN 'i' THEN 'WITH INOUT'
        ELSE 'WITHOUT FUNCTION' END,
      CASE c.castcontext WHEN 'a' THEN 'AS ASSIGNMENT' WHEN 'i' THEN 'AS IMPLICIT' END),
    '{}'::text[], NULL::oid, NULL::"char", NULL::aclitem[], '{}'::text[], '{}'::text[], '{}'::text[], NULL::text, NULL::text, NULL::text,
    CASE WHEN pg_has_role(s.typowner, 'USAGE') THEN s.typowner ELSE g.typowner END, '{}'::text[], c.castmethod = 'b', NULL::text
  FROM pg_cast AS c
  JOIN pg_type AS s ON s.oid = c.castsource
  JOIN pg_type AS g ON g.oid = c.casttarget,
  LATERAL (SELECT format('(%s AS %s)', s.oid::regtype, g.oid::regtype) AS target) AS t
  WHERE c.oid >= 16384 AND NOT EXISTS (SELECT FROM pg_depend AS d
    WHERE d.classid = 'pg_cast'::regclass AND d.objid = c.oid AND d.deptype IN ('e', 'i'))
$function$;

COMMENT ON FUNCTION pov.live_casts() IS 'The casts.';
