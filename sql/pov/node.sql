CREATE TYPE pov.node AS (key text, content jsonb);
