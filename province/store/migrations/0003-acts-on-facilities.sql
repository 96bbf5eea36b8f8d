-- Acts of provincial accounts on alerts of a facility, until the facility has taken them; and whether it takes any.
ALTER TABLE facilities ADD COLUMN takes_acts boolean NOT NULL DEFAULT false;
CREATE TABLE facility_acts (
  id text PRIMARY KEY,
  facility text NOT NULL,
  act jsonb NOT NULL,
  taken_at bigint
);
CREATE INDEX facility_acts_waiting ON facility_acts (facility) WHERE taken_at IS NULL;
