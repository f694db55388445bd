CREATE FUNCTION slate.set_indexes_aside() RETURNS text[]
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  index record;
  command text;
  commands text[] := '{}';
BEGIN
  -- Only those that definition, tablespace and comment bring back whole. The others stay, and cost time alone.
  FOR index IN
    SELECT c.relname AS name, t.spcname AS tablespace, k.oid IS NOT NULL AS is_constraint,
           -- That of a partitioned table says ONLY, and would leave the partitions without.
           CASE WHEN k.oid IS NULL THEN replace(pg_get_indexdef(c.oid), format(' INDEX %I ON ONLY %I.%I ', c.relname, 'public', 'events'),
                                                format(' INDEX %I ON public.events ', c.relname))
             ELSE format('ALTER TABLE public.events ADD CONSTRAINT %I %s', k.conname, pg_get_constraintdef(k.oid)) END AS definition,
           obj_description(c.oid, 'pg_class') AS comment, obj_description(k.oid, 'pg_constraint') AS constraint_comment
    FROM pg_index AS i
      JOIN pg_class AS c ON c.oid = i.indexrelid
      LEFT JOIN pg_tablespace AS t ON t.oid = c.reltablespace
      LEFT JOIN pg_constraint AS k ON k.conindid = c.oid AND k.conrelid = i.indrelid
    WHERE i.indrelid = 'public.events'::regclass
      AND i.indisvalid AND NOT i.indisclustered AND NOT i.indisreplident
      -- The definition of a constraint leaves out the storage options of its index.
      AND (k.oid IS NULL OR c.reloptions IS NULL)
      AND NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid AND coalesce(a.attstattarget, -1) <> -1)
      AND NOT EXISTS (SELECT FROM pg_depend AS d
                      -- Not the indexes of its partitions, which come and go with it.
                      WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.deptype NOT IN ('P', 'S')
                         OR d.refclassid = 'pg_constraint'::regclass AND d.refobjid = k.oid AND d.objid <> c.oid
                         OR d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('e', 'x'))
    ORDER BY k.oid IS NULL, i.indisprimary DESC, c.oid
  LOOP
    command := format('SET LOCAL default_tablespace = %L; %s; COMMENT ON INDEX public.%I IS %L',
      coalesce(index.tablespace, ''), index.definition, index.name, index.comment);
    IF index.is_constraint THEN
      command := format('%s; COMMENT ON CONSTRAINT %I ON public.events IS %L', command, index.name, index.constraint_comment);
      EXECUTE format('ALTER TABLE public.events DROP CONSTRAINT %I', index.name);
    ELSE
      EXECUTE format('DROP INDEX public.%I', index.name);
    END IF;
    commands := commands || command;
  END LOOP;
  RETURN commands;
END;
$function$;

COMMENT ON FUNCTION slate.set_indexes_aside() IS
  'Drops the indexes of events, the primary key and the user''s own too. Returns what brings them back: one text an '
  'index, those of constraints first.';
