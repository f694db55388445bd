CREATE FUNCTION pov.live_functions(only_these oid[]) RETURNS SETOF pov.live_item
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT 'pg_proc'::regclass, p.oid, 'function', p.oid::regprocedure::text,
    target, 'DROP ' || target, pg_get_functiondef(p.oid),
    -- Replacing keeps what comes before the defaults, and can only add defaults.
    ARRAY[concat_ws(' ', p.prokind, p.proretset, pg_get_function_result(p.oid), p.proargnames::text,
      p.proargmodes::text, pg_get_function_identity_arguments(p.oid))] || array_fill('DEFAULT'::text, ARRAY[p.pronargdefaults::int]),
    p.proowner, 'f'::"char", p.proacl, '{}'::text[], '{}'::text[], '{}'::text[], n.nspname::text, NULL::text, NULL::text,
    p.proowner, '{}'::text[], p.proleakproof OR p.prosupport::oid <> 0 OR NOT l.lanpltrusted, b.stub
  FROM pg_proc AS p
  JOIN pg_namespace AS n ON n.oid = p.pronamespace
  JOIN pg_language AS l ON l.oid = p.prolang,
  LATERAL (SELECT format('%s %I.%I(%s)', CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END,
    n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) AS target) AS t,
  -- The same function with nothing in it: what stands in while functions that call each other are made or dropped.
  LATERAL (SELECT CASE WHEN p.prosqlbody IS NOT NULL THEN left(pg_get_functiondef(p.oid),
    -length(pg_get_function_sqlbody(p.oid)) - 1) || 'AS $stub$$stub$' END AS stub) AS b
  WHERE (only_these IS NULL OR p.oid = ANY (only_these)) AND p.prokind <> 'a' AND NOT pov.is_left_out(n.nspname)
    AND NOT (n.nspname = 'public' AND p.proname = 'pov')
    AND NOT EXISTS (SELECT FROM pg_depend AS d
      WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype IN ('e', 'i'))
$function$;

COMMENT ON FUNCTION pov.live_functions(oid[]) IS 'The functions and procedures, all of them or only some.';
