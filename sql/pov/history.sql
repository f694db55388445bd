CREATE VIEW pov.history AS
SELECT s.snapshotid, s.taken, s.taken_by, s.note, s.revisionid,
  (SELECT count(*) FROM pov.revision_object AS o WHERE o.revisionid = s.revisionid) AS objects
FROM pov.snapshot AS s
ORDER BY s.snapshotid;

COMMENT ON VIEW pov.history IS 'The snapshots, oldest first, each with its number of objects.';
