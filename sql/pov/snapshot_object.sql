CREATE VIEW pov.snapshot_object AS
SELECT s.snapshotid, o.kind, o.identity, o.content ->> 'definition' AS definition, o.content ->> 'owner' AS owner, o.objectid
FROM pov.snapshot AS s
JOIN pov.revision_object USING (revisionid)
JOIN pov.object AS o USING (objectid);

COMMENT ON VIEW pov.snapshot_object IS 'The objects of each snapshot, with the command that makes each.';
