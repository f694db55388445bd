"""What depends on what, in the terms of pg_depend."""

# Internal and partition dependencies ("P", "S") say what disappears with what, not what has to be there before.
EDGES = """
SELECT classid, objid, objsubid, refclassid, refobjid, refobjsubid FROM pg_depend
WHERE deptype IN ('n', 'a', 'i') AND objid >= 16384 AND refobjid >= 16384
"""

# Catalog entries that stand for a part of an item, or for the item itself.
ALIASES = """
SELECT 'pg_type'::regclass::oid, t.oid, 0, 'pg_class'::regclass::oid, t.typrelid, 0 FROM pg_type AS t
JOIN pg_class AS c ON c.oid = t.typrelid WHERE c.relkind <> 'c'
UNION ALL
SELECT 'pg_class'::regclass, t.typrelid, 0, 'pg_type'::regclass, t.oid, 0 FROM pg_type AS t
JOIN pg_class AS c ON c.oid = t.typrelid WHERE c.relkind = 'c'
UNION ALL
SELECT 'pg_type'::regclass, t.typarray, 0, 'pg_type'::regclass, t.oid, 0 FROM pg_type AS t WHERE t.typarray <> 0
UNION ALL
SELECT 'pg_type'::regclass, r.rngmultitypid, 0, 'pg_type'::regclass, r.rngtypid, 0 FROM pg_range AS r
UNION ALL
SELECT 'pg_attrdef'::regclass, d.oid, 0, 'pg_class'::regclass, d.adrelid, d.adnum FROM pg_attrdef AS d
JOIN pg_attribute AS a ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE a.attgenerated <> ''
UNION ALL
SELECT 'pg_rewrite'::regclass, w.oid, 0, 'pg_class'::regclass, w.ev_class, 0 FROM pg_rewrite AS w
  WHERE w.rulename = '_RETURN'
UNION ALL
SELECT 'pg_class'::regclass, k.conindid, 0, 'pg_constraint'::regclass, k.oid, 0 FROM pg_constraint AS k
WHERE k.contype IN ('p', 'u', 'x')
UNION ALL
SELECT 'pg_class'::regclass, d.objid, 0, 'pg_class'::regclass, d.refobjid, d.refobjsubid
FROM pg_depend AS d JOIN pg_class AS c ON c.oid = d.objid
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'i' AND d.refobjsubid > 0
  AND c.relkind = 'S'
UNION ALL
SELECT d.classid, d.objid, d.objsubid, d.refclassid, d.refobjid, 0 FROM pg_depend AS d WHERE d.deptype = 'e'
"""
