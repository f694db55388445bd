"""Functions, views, rules, triggers, policies and event triggers."""

from versioning.archive.catalog.common import COMMON, NOTHING, storage_options

FUNCTIONS = f"""{COMMON}
SELECT 'pg_proc'::regclass::oid, p.oid, 0, 'function', p.signature, word || ' ' || p.name,
  rtrim(pg_get_functiondef(p.oid), E'\\n') || ';', format('DROP %s %s;', word, p.name), p.proowner, NULL::text,
  '{{}}'::text[],
  -- Replacing keeps all of this, and can only add defaults.
  jsonb_build_object('shape', concat_ws(' ', p.prokind, p.proretset, pg_get_function_result(p.oid), p.proargnames::text,
    p.proargmodes::text, pg_get_function_identity_arguments(p.oid)), 'defaults', p.pronargdefaults,
    'parsed', p.prosqlbody IS NOT NULL)
FROM routine AS p, LATERAL (SELECT CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END AS word) AS w
WHERE p.prokind <> 'a'
"""

_MODIFY = "CASE {} WHEN 'r' THEN 'READ_ONLY' WHEN 's' THEN 'SHAREABLE' ELSE 'READ_WRITE' END"

AGGREGATES = f"""{COMMON}
SELECT 'pg_proc'::regclass::oid, p.oid, 0, 'aggregate', p.signature, target,
  format('CREATE %s (%s);', target, concat_ws(', ',
    'SFUNC = ' || a.aggtransfn::regproc, 'STYPE = ' || format_type(a.aggtranstype, NULL),
    'SSPACE = ' || nullif(a.aggtransspace, 0),
    'FINALFUNC = ' || nullif(a.aggfinalfn::oid, 0)::regproc,
    CASE WHEN a.aggfinalextra THEN 'FINALFUNC_EXTRA' END,
    CASE WHEN a.aggfinalfn::oid <> 0 THEN 'FINALFUNC_MODIFY = ' || {_MODIFY.format("a.aggfinalmodify")} END,
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
    CASE WHEN a.aggmfinalfn::oid <> 0 THEN 'MFINALFUNC_MODIFY = ' || {_MODIFY.format("a.aggmfinalmodify")} END,
    'MINITCOND = ' || quote_literal(a.aggminitval),
    (SELECT format('SORTOP = OPERATOR(%I.%s)', s.nspname, o.oprname)
     FROM pg_operator AS o JOIN pg_namespace AS s ON s.oid = o.oprnamespace WHERE o.oid = a.aggsortop),
    CASE p.proparallel WHEN 's' THEN 'PARALLEL = SAFE' WHEN 'r' THEN 'PARALLEL = RESTRICTED' END,
    CASE WHEN a.aggkind = 'h' THEN 'HYPOTHETICAL' END)),
  format('DROP %s;', target), p.proowner, NULL::text, {NOTHING}
FROM routine AS p JOIN pg_aggregate AS a ON a.aggfnoid = p.oid,
LATERAL (SELECT format('AGGREGATE %s.%I(%s)', p.schema, p.proname,
  coalesce(nullif(pg_get_function_identity_arguments(p.oid), ''), '*')) AS target) AS t
"""

VIEWS = f"""{COMMON}
SELECT 'pg_class'::regclass::oid, r.oid, 0, 'view', r.name, 'VIEW ' || r.name,
  format(E'CREATE VIEW %s%s AS\\n%s', r.name, coalesce(' WITH (' || {storage_options("r.reloptions")} || ')', ''),
    pg_get_viewdef(r.oid)),
  'DROP VIEW ' || r.name || ';', r.relowner, NULL::text, '{{}}'::text[],
  -- Replacing keeps these, and can only add some.
  jsonb_build_object('columns', (
    SELECT jsonb_agg(format('%I %s %s', a.attname, format_type(a.atttypid, a.atttypmod),
      a.attcollation) ORDER BY a.attnum)
    FROM pg_attribute AS a WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped))
FROM relation AS r WHERE r.relkind = 'v'
"""

MATERIALIZED_VIEWS = f"""{COMMON}
SELECT 'pg_class'::regclass::oid, r.oid, 0, 'materialized view', r.name, 'MATERIALIZED VIEW ' || r.name,
  format(E'CREATE MATERIALIZED VIEW %s%s%s AS\\n%s\\nWITH NO DATA;', r.name,
    coalesce(' USING ' || quote_ident(nullif(a.amname, 'heap')), ''),
    coalesce(' WITH (' || {storage_options("r.reloptions")} || ')', ''), rtrim(pg_get_viewdef(r.oid), ';')),
  'DROP MATERIALIZED VIEW ' || r.name || ';', r.relowner, NULL::text, {NOTHING}
FROM relation AS r LEFT JOIN pg_am AS a ON a.oid = r.relam WHERE r.relkind = 'm'
"""

_STATE = "CASE {} WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' WHEN 'A' THEN 'ENABLE ALWAYS' END"

RULES = f"""{COMMON}
SELECT 'pg_rewrite'::regclass::oid, w.oid, 0, 'rule', format('%I on %s', w.rulename, r.name),
  format('RULE %I ON %s', w.rulename, r.name),
  concat_ws(E'\\n', pg_get_ruledef(w.oid),
    CASE WHEN state IS NOT NULL THEN format('ALTER TABLE %s %s RULE %I;', r.name, state, w.rulename) END),
  format('DROP RULE %I ON %s;', w.rulename, r.name), NULL::oid, r.identity, ARRAY[r.identity], '{{}}'::jsonb
FROM pg_rewrite AS w JOIN relation AS r ON r.oid = w.ev_class,
  LATERAL (SELECT {_STATE.format("w.ev_enabled")} AS state) AS s
WHERE w.rulename <> '_RETURN'
"""

TRIGGERS = f"""{COMMON}
SELECT 'pg_trigger'::regclass::oid, g.oid, 0, 'trigger', format('%I on %s', g.tgname, r.name),
  format('TRIGGER %I ON %s', g.tgname, r.name),
  concat_ws(E'\\n', pg_get_triggerdef(g.oid) || ';',
    CASE WHEN state IS NOT NULL THEN format('ALTER TABLE %s %s TRIGGER %I;', r.name, state, g.tgname) END),
  format('DROP TRIGGER %I ON %s;', g.tgname, r.name), NULL::oid, r.identity, ARRAY[r.identity], '{{}}'::jsonb
FROM pg_trigger AS g JOIN relation AS r ON r.oid = g.tgrelid,
  LATERAL (SELECT {_STATE.format("g.tgenabled")} AS state) AS s
WHERE NOT g.tgisinternal AND g.tgparentid = 0 AND r.relkind IN ('r', 'p', 'v')
"""

# A trigger that a partition has from its parent, where it is on or off on its own.
TRIGGER_STATES = f"""{COMMON}
SELECT NULL::oid, NULL::oid, 0, 'trigger state', format('%I on %s', g.tgname, r.name), '',
  format('ALTER TABLE ONLY %s %s TRIGGER %I;', r.name, coalesce({_STATE.format("g.tgenabled")}, 'ENABLE'), g.tgname),
  format('ALTER TABLE ONLY %s %s TRIGGER %I;', r.name, coalesce({_STATE.format("t.tgenabled")}, 'ENABLE'), g.tgname),
  NULL::oid, r.identity, ARRAY[r.identity, 'partition ' || r.name, format('trigger %I on %s', t.tgname, p.name)],
  '{{}}'::jsonb
FROM pg_trigger AS g JOIN relation AS r ON r.oid = g.tgrelid
JOIN pg_trigger AS t ON t.oid = g.tgparentid JOIN relation AS p ON p.oid = t.tgrelid
WHERE NOT t.tgisinternal AND g.tgenabled <> t.tgenabled
"""

# The owner of the database has another name in each environment.
_ROLES = """(SELECT string_agg(CASE o WHEN 0 THEN 'PUBLIC' WHEN d.datdba THEN 'CURRENT_ROLE'
    ELSE quote_ident(pg_get_userbyid(o)) END, ', ' ORDER BY o <> 0, pg_get_userbyid(o) COLLATE "C")
    FROM unnest(p.polroles) AS o, pg_database AS d WHERE d.datname = current_database())"""

POLICIES = f"""{COMMON}
SELECT 'pg_policy'::regclass::oid, p.oid, 0, 'policy', format('%I on %s', p.polname, r.name),
  format('POLICY %I ON %s', p.polname, r.name),
  concat_ws(' ', format('CREATE POLICY %I ON %s', p.polname, r.name), CASE
    WHEN NOT p.polpermissive THEN 'AS RESTRICTIVE' END,
    'FOR ' || CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
      WHEN 'd' THEN 'DELETE' END,
    'TO ' || {_ROLES}, 'USING (' || pg_get_expr(p.polqual, p.polrelid) || ')',
    'WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')') || ';',
  format('DROP POLICY %I ON %s;', p.polname, r.name), NULL::oid, r.identity, ARRAY[r.identity], '{{}}'::jsonb
FROM pg_policy AS p JOIN relation AS r ON r.oid = p.polrelid
"""

EVENT_TRIGGERS = f"""{COMMON}
SELECT 'pg_event_trigger'::regclass::oid, e.oid, 0, 'event trigger', quote_ident(e.evtname),
  format('EVENT TRIGGER %I', e.evtname),
  concat_ws(E'\\n', format('CREATE EVENT TRIGGER %I ON %s%s EXECUTE FUNCTION %s();', e.evtname, e.evtevent,
      ' WHEN TAG IN (' || (SELECT string_agg(quote_literal(t), ', ') FROM unnest(e.evttags) AS t) || ')',
        e.evtfoid::regproc),
    CASE WHEN state IS NOT NULL THEN format('ALTER EVENT TRIGGER %I %s;', e.evtname, state) END),
  format('DROP EVENT TRIGGER %I;', e.evtname), e.evtowner, NULL::text, {NOTHING}
FROM pg_event_trigger AS e, LATERAL (SELECT {_STATE.format("e.evtenabled")} AS state) AS s
WHERE NOT EXISTS (SELECT FROM member AS m WHERE m.classid = 'pg_event_trigger'::regclass AND m.objid = e.oid)
"""

ALL = (FUNCTIONS, AGGREGATES, VIEWS, MATERIALIZED_VIEWS, RULES, TRIGGERS, TRIGGER_STATES, POLICIES, EVENT_TRIGGERS)
