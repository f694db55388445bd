CREATE TABLE pov.revision_object (
  revisionid text NOT NULL REFERENCES pov.revision ON DELETE CASCADE,
  objectid text NOT NULL REFERENCES pov.object,
  PRIMARY KEY (revisionid, objectid)
);
CREATE INDEX revision_object_objectid ON pov.revision_object (objectid);

COMMENT ON TABLE pov.revision_object IS 'The objects of each revision.';
