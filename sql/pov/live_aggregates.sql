CREATE FUNCTION pov.live_aggregates() RETURNS SETOF pov.live_item
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT 'pg_proc'::regclass, p.oid, 'aggregate', p.oid::regprocedure::text, target, 'DROP ' || target,
    format('CREATE OR REPLACE %s (%s)', target, concat_ws(', ',
      'SFUNC = ' || a.aggtransfn::regproc, 'STYPE = ' || format_type(a.aggtranstype, NULL),
      'SSPACE = ' || nullif(a.aggtransspace, 0),
      'FINALFUNC = ' || nullif(a.aggfinalfn::oid, 0)::regproc,
      CASE WHEN a.aggfinalextra THEN 'FINALFUNC_EXTRA' END,
      CASE WHEN a.aggfinalfn::oid <> 0 THEN 'FINALFUNC_MODIFY = ' || pov.modify_word(a.aggfinalmodify) END,
      'COMBINEFUNC = ' || nullif(a.aggcombinefn::oid, 0)::regproc,
      'SERIALFUNC = ' || nullif(a.aggserialfn::oid, 0)::regproc,
      'DESERIALFUNC = ' || nullif(a.aggdeserialfn::oid, 0)::regproc,
      'INITCOND = ' || quote_literal(a.agginitval),
      'MSFUNC = ' || nullif(a.aggmtransfn::oid, 0)::regproc,
      'MINVFUNC = ' || nullif(a.aggminvtransfn::oid, 0)::regproc,
      'MSTYPE = ' || format_type(nullif(a.aggmtranstype, 0), NULL),
      'MSSPACE = ' || nullif(a.aggmtransspace, 0),
      'MFINALFUNC = ' || nullif(a.aggmfinalfn::oid, 0)::regproc,
      CASE WHEN a.aggmfinalextra THEN 'MFINALFUNC_EXTRA' END,
      CASE WHEN a.aggmfinalfn::oid <> 0 THEN 'MFINALFUNC_MODIFY = ' || pov.modify_word(a.aggmfinalmodify) END,
      'MINITCOND = ' || quote_literal(a.aggminitval),
      (SELECT format('SORTOP = OPERATOR(%I.%s)', s.nspname, o.oprname)
       FROM pg_operator AS o JOIN pg_namespace AS s ON s.oid = o.oprnamespace WHERE o.oid = a.aggsortop),
      CASE p.proparallel WHEN 's' THEN 'PARALLEL = SAFE' WHEN 'r' THEN 'PARALLEL = RESTRICTED' END,
      CASE WHEN a.aggkind = 'h' THEN 'HYPOTHETICAL' END)),
    ARRAY[concat_ws(' ', a.aggkind, a.aggnumdirectargs, pg_get_function_result(p.oid),
      format_type(a.aggtranstype, NULL), pg_get_function_identity_arguments(p.oid))],
    p.proowner, 'f'::"char", p.proacl, '{}'::text[], '{}'::text[], '{}'::text[], n.nspname::text, NULL::text, NULL::text,
    p.proowner, '{}'::text[], a.aggtranstype = 'internal'::regtype, NULL::text
  FROM pg_aggregate AS a
  JOIN pg_proc AS p ON p.oid = a.aggfnoid
  JOIN pg_namespace AS n ON n.oid = p.pronamespace,
  LATERAL (SELECT format('AGGREGATE %I.%I(%s)', n.nspname, p.proname,
    coalesce(nullif(pg_get_function_identity_arguments(p.oid), ''), '*')) AS target) AS t
  WHERE NOT pov.is_left_out(n.nspname) AND NOT EXISTS (
    SELECT FROM pg_depend AS d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
$function$;

COMMENT ON FUNCTION pov.live_aggregates() IS 'The aggregates.';
