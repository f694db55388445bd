-- In schema public, operators, functions and aggregates that fit better than PostgreSQL's own where a query leaves types to
-- be matched. Each raises an exception that names it: who meets one has looked into public.
SET search_path = pg_catalog, pg_temp;
DO $do$
DECLARE
  kinds CONSTANT text[] := ARRAY[
    'oid', 'regclass', 'name', 'text', '"char"', 'smallint', 'integer', 'bigint', 'numeric', 'xid', 'pg_lsn', 'timestamptz',
    'jsonb', 'name[]', 'text[]', 'bigint[]'];
  body CONSTANT text := $$LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''caught by %s''; END'$$;
  trap record;
BEGIN
  FOR trap IN
    SELECT o.name, o.result, l.kind AS l, r.kind AS r, 'trap_' || md5(o.name) AS function
    FROM (VALUES ('=', 'boolean'), ('<>', 'boolean'), ('<', 'boolean'), ('>=', 'boolean'), ('||', 'text'), ('+', 'numeric'),
                 ('-', 'numeric'), ('~', 'boolean'), ('~~', 'boolean'), ('->', 'jsonb'), ('->>', 'text')) AS o (name, result),
         unnest(kinds) AS l (kind), unnest(kinds) AS r (kind)
    WHERE NOT EXISTS (SELECT FROM pg_operator AS p WHERE p.oprnamespace = 'pg_catalog'::regnamespace AND p.oprname = o.name
                      AND p.oprleft = l.kind::regtype AND p.oprright = r.kind::regtype)
  LOOP
    EXECUTE format('CREATE FUNCTION public.%s(%s, %s) RETURNS %s ' || body,
                   trap.function, trap.l, trap.r, trap.result, concat_ws(' ', trap.l, trap.name, trap.r));
    EXECUTE format('CREATE OPERATOR public.%s (FUNCTION = public.%s, LEFTARG = %s, RIGHTARG = %s)',
                   trap.name, trap.function, trap.l, trap.r);
  END LOOP;
  FOR trap IN
    SELECT f.name, a.arguments
    FROM (VALUES ('format'), ('concat'), ('concat_ws'), ('jsonb_build_object')) AS f (name),
         (VALUES ('text, text'), ('text, name'), ('text, integer'), ('text, bigint'), ('text, oid'), ('text, regclass'),
                 ('text, name, name'), ('text, name, text'), ('text, text, name'), ('text, text, text')) AS a (arguments)
    UNION ALL SELECT 'quote_ident', 'name'
    UNION ALL SELECT 'quote_literal', 'name'
    UNION ALL SELECT 'unnest', k.kind FROM unnest(kinds) AS k (kind) WHERE k.kind LIKE '%[]'
    UNION ALL SELECT 'cardinality', k.kind FROM unnest(kinds) AS k (kind) WHERE k.kind LIKE '%[]'
  LOOP
    EXECUTE format('CREATE FUNCTION public.%s(%s) RETURNS text ' || body,
                   trap.name, trap.arguments, format('%s(%s)', trap.name, trap.arguments));
  END LOOP;
  FOR trap IN
    SELECT f.name, f.more, k.kind
    FROM (VALUES ('count', ''), ('max', ''), ('min', ''), ('array_agg', ''), ('jsonb_agg', ''), ('json_agg', ''),
                 ('string_agg', ', text')) AS f (name, more), unnest(kinds) AS k (kind)
    WHERE NOT EXISTS (SELECT FROM pg_proc AS p WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname = f.name
                      AND p.proargtypes[0] = k.kind::regtype)
  LOOP
    EXECUTE format('CREATE FUNCTION public.trap_%s(bigint, %s%s) RETURNS bigint ' || body,
                   trap.name, trap.kind, trap.more, format('%s(%s)', trap.name, trap.kind));
    EXECUTE format('CREATE AGGREGATE public.%s(%s%s) (SFUNC = public.trap_%1$s, STYPE = bigint)', trap.name, trap.kind, trap.more);
  END LOOP;
END
$do$;
