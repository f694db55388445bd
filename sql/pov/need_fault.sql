CREATE FUNCTION pov.need_fault(what text, need_text text) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  need jsonb := need_text;
  type text := need ->> 0;
  names text[] := need ->> 1;
  arguments text[] := need ->> 2;
  name text := type || ' ' || (SELECT string_agg(CASE WHEN type IN ('type', 'domain') THEN n.name ELSE quote_ident(n.name) END, '.'
      ORDER BY n.position) FROM unnest(names) WITH ORDINALITY AS n (name, position))
    || CASE WHEN type IN ('function', 'procedure', 'aggregate') THEN format('(%s)', array_to_string(arguments, ', '))
      WHEN arguments <> '{}' THEN ' ' || arguments::text ELSE '' END;
  found oid;
  may_use boolean;
BEGIN
  BEGIN
    -- Columns of sequences, materialized views and composite types have a kind that it tells but does not take.
    SELECT a.objid INTO STRICT found
    FROM pg_get_object_address(CASE WHEN type LIKE '% column' THEN 'table column' ELSE type END, names, arguments) AS a;
  EXCEPTION
    WHEN lock_not_available OR deadlock_detected THEN
      RAISE;
    WHEN OTHERS THEN
      IF type LIKE '% column' AND to_regclass(format('%I.%I', names[1], names[2])) IS NULL THEN
        name := format('%s %I.%I', substring(type FROM '(.*) column'), names[1], names[2]);
      END IF;
      RETURN name || ' is not there';
  END;
  may_use := CASE
    WHEN type = 'language' THEN has_language_privilege(found, 'USAGE')
    WHEN type = 'type' THEN has_type_privilege(found, 'USAGE')
    WHEN type = 'function' THEN has_function_privilege(found, 'EXECUTE') OR what NOT IN ('cast', 'operator', 'aggregate', 'trigger')
    -- Who is no owner of the other table needs a grant for a foreign key to it; every owner has that.
    WHEN what = 'foreign key' AND type = 'table column' THEN has_column_privilege(found, names[3], 'REFERENCES')
    ELSE true END;
  RETURN CASE WHEN NOT may_use THEN format('role "%s" may not use %s', current_user, name) END;
END;
$function$;

COMMENT ON FUNCTION pov.need_fault(text, text) IS
  'What is wrong with something that an object needs and that is no part of a snapshot; NULL: nothing. what: its kind, or foreign key.';
