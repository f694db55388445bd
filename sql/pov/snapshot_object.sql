CREATE VIEW pov.snapshot_object AS
SELECT s.snapshotid, o.kind, o.identity, o.content ->> 'definition' AS definition, o.content ->> 'owner' AS owner, o.objectid
FROM pov.snapshot AS s
JOIN pov.revision_object USING (revisionid)
JOIN pov.object AS o USING (objectid);

COMMENT ON VIEW pov.snapshot_object IS 'The objects of each snapshot, with the command that makes each.';
COMMENT ON COLUMN pov.snapshot_object.snapshotid IS 'The snapshot that has it.';
COMMENT ON COLUMN pov.snapshot_object.kind IS 'function, view, trigger and so on.';
COMMENT ON COLUMN pov.snapshot_object.identity IS 'Its name, with its schema, and a function''s argument types.';
COMMENT ON COLUMN pov.snapshot_object.definition IS 'The command that makes it, without its owner, grants and comment.';
COMMENT ON COLUMN pov.snapshot_object.owner IS 'Who owned it; null where the kind has no owner of its own.';
COMMENT ON COLUMN pov.snapshot_object.objectid IS 'SHA-256 of kind, identity and all that makes it what it is.';
