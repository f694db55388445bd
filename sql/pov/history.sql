CREATE VIEW pov.history AS
SELECT s.snapshotid, s.taken, s.taken_by, s.note, s.revisionid,
  (SELECT count(*) FROM pov.revision_object AS o WHERE o.revisionid = s.revisionid) AS objects
FROM pov.snapshot AS s
ORDER BY s.snapshotid;

COMMENT ON VIEW pov.history IS 'The snapshots, oldest first, each with its number of objects.';
COMMENT ON COLUMN pov.history.snapshotid IS 'Its number, from 1; what pov(snapshot_id) goes back to.';
COMMENT ON COLUMN pov.history.taken IS 'When, by the server''s clock.';
COMMENT ON COLUMN pov.history.taken_by IS 'The role that was logged in.';
COMMENT ON COLUMN pov.history.note IS 'What pov.take was given; "rollback to N" where a rollback took it.';
COMMENT ON COLUMN pov.history.revisionid IS 'SHA-256 of its objects: the same objects, the same revision.';
COMMENT ON COLUMN pov.history.objects IS 'How many objects it has.';
