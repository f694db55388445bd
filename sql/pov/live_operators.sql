CREATE FUNCTION pov.live_operators() RETURNS SETOF pov.live_item
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  -- An operator without a function is a promise of another one that names it.
  SELECT 'pg_operator'::regclass, o.oid, 'operator', o.oid::regoperator::text, 'OPERATOR ' || target, 'DROP OPERATOR ' || target,
    format('CREATE OPERATOR %I.%s (%s)', n.nspname, o.oprname, concat_ws(', ',
      'FUNCTION = ' || o.oprcode, 'LEFTARG = ' || nullif(o.oprleft, 0)::regtype, 'RIGHTARG = ' || nullif(o.oprright, 0)::regtype,
      (SELECT format('COMMUTATOR = OPERATOR(%I.%s)', s.nspname, c.oprname)
       FROM pg_operator AS c JOIN pg_namespace AS s ON s.oid = c.oprnamespace WHERE c.oid = o.oprcom),
      (SELECT format('NEGATOR = OPERATOR(%I.%s)', s.nspname, c.oprname)
       FROM pg_operator AS c JOIN pg_namespace AS s ON s.oid = c.oprnamespace WHERE c.oid = o.oprnegate),
      'RESTRICT = ' || nullif(o.oprrest::oid, 0)::regproc, 'JOIN = ' || nullif(o.oprjoin::oid, 0)::regproc,
      CASE WHEN o.oprcanhash THEN 'HASHES' END, CASE WHEN o.oprcanmerge THEN 'MERGES' END)),
    '{}'::text[], o.oprowner, NULL::"char", NULL::aclitem[], '{}'::text[], '{}'::text[], '{}'::text[], n.nspname::text,
    NULL::text, NULL::text, o.oprowner, '{}'::text[], false, NULL::text
  FROM pg_operator AS o
  JOIN pg_namespace AS n ON n.oid = o.oprnamespace,
  LATERAL (SELECT format('%I.%s (%s, %s)', n.nspname, o.oprname, coalesce(nullif(o.oprleft, 0)::regtype::text, 'NONE'),
    coalesce(nullif(o.oprright, 0)::regtype::text, 'NONE')) AS target) AS t
  WHERE o.oid >= 16384 AND o.oprcode <> 0 AND NOT pov.is_left_out(n.nspname) AND NOT EXISTS (
    SELECT FROM pg_depend AS d WHERE d.classid = 'pg_operator'::regclass AND d.objid = o.oid AND d.deptype = 'e')
$function$;

COMMENT ON FUNCTION pov.live_operators() IS 'The operators.';
