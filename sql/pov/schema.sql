CREATE SCHEMA pov;

COMMENT ON SCHEMA pov IS 'Snapshots of everything that is not data, and the way back to them.';
