-- The provincial store: what facilities report, each sequence once, every act kept. Times are ms since 1970 UTC.
-- No table holds a name, a vital sign or a position: only what the sharing catalogue lets cross.

CREATE TABLE facilities (
  id              text PRIMARY KEY,
  name_zh         text NOT NULL DEFAULT '',
  name_en         text NOT NULL DEFAULT '',
  kind            text NOT NULL DEFAULT 'prison',
  city            text,
  line            text NOT NULL DEFAULT 'prison',   -- tenancy: prison bureau or detox bureau
  epoch           integer NOT NULL DEFAULT 1,       -- lives of the facility's sequence counter
  sequences       text NOT NULL DEFAULT '',         -- ranges applied in this epoch, e.g. 1-40,42-42
  last_time       bigint NOT NULL DEFAULT 0,        -- largest envelope time seen
  last_seen_at    bigint,                           -- province time of the last envelope
  last_health_at  bigint,                           -- province time of the last heartbeat
  last_health_id  text,
  last_health     jsonb
);

CREATE TABLE envelopes (
  facility     text NOT NULL,
  epoch        integer NOT NULL,
  sequence     bigint NOT NULL,
  id           text NOT NULL,
  type         text NOT NULL,
  time         bigint NOT NULL,
  received_at  bigint NOT NULL,
  backlog      boolean NOT NULL,
  ledgerhash   text NOT NULL,
  content_hash text NOT NULL,
  outcome      text NOT NULL,                       -- applied · quarantined
  PRIMARY KEY (facility, epoch, sequence)
);

CREATE TABLE alerts (
  facility    text NOT NULL,
  id          text NOT NULL,
  line        text NOT NULL,
  rule        text NOT NULL,
  code        text NOT NULL,
  level       text NOT NULL,
  state       text NOT NULL,
  zone        text,
  open        boolean NOT NULL,
  drill       boolean NOT NULL,
  test        boolean NOT NULL,
  raised_at   bigint NOT NULL,
  received_at bigint NOT NULL,                      -- province time of the first change
  updated_at  bigint NOT NULL,
  subjects    jsonb NOT NULL,
  alert       jsonb NOT NULL,
  merge       jsonb NOT NULL,
  PRIMARY KEY (facility, id)
);
CREATE INDEX alerts_newest ON alerts (raised_at DESC, facility, id);
CREATE INDEX alerts_open ON alerts (facility, level) WHERE open;
CREATE INDEX alerts_by_id ON alerts (id);

CREATE TABLE alert_changes (
  facility    text NOT NULL,
  alert       text NOT NULL,
  origin      text NOT NULL,                        -- facility · province
  epoch       integer NOT NULL,
  sequence    bigint NOT NULL,
  at          bigint NOT NULL,
  received_at bigint NOT NULL,
  change      text NOT NULL,
  by          text,
  snapshot    jsonb NOT NULL,
  ord         bigint GENERATED ALWAYS AS IDENTITY,
  PRIMARY KEY (facility, alert, origin, epoch, sequence, at, change)
);
CREATE UNIQUE INDEX alert_changes_ord ON alert_changes (ord);

-- The province's own alerts (R55): the full record of their life cycle; at most one open per facility and rule.
CREATE TABLE own_alerts (
  facility text NOT NULL,
  id       text NOT NULL,
  open     boolean NOT NULL,
  record   jsonb NOT NULL,
  PRIMARY KEY (facility, id)
);

CREATE TABLE indicators (
  facility    text NOT NULL,
  indicator   text NOT NULL,
  from_at     bigint NOT NULL,
  to_at       bigint NOT NULL,
  value       double precision,
  n           double precision NOT NULL,
  epoch       integer NOT NULL,
  sequence    bigint NOT NULL,
  PRIMARY KEY (facility, indicator, from_at, to_at)
);

CREATE TABLE health (
  facility    text NOT NULL,
  epoch       integer NOT NULL,
  sequence    bigint NOT NULL,
  at          bigint NOT NULL,
  received_at bigint NOT NULL,
  data        jsonb NOT NULL,
  PRIMARY KEY (facility, epoch, sequence)
);

CREATE TABLE anchors (
  facility    text NOT NULL,
  epoch       integer NOT NULL,
  sequence    bigint NOT NULL,
  at          bigint NOT NULL,
  received_at bigint NOT NULL,
  ledger_seq  bigint NOT NULL,
  ledger_hash text NOT NULL,
  PRIMARY KEY (facility, epoch, sequence)
);

CREATE TABLE gaps (
  facility  text NOT NULL,
  epoch     integer NOT NULL,
  from_seq  bigint NOT NULL,
  to_seq    bigint NOT NULL,
  since     bigint NOT NULL,
  named_at  bigint NOT NULL,
  closed_at bigint,
  PRIMARY KEY (facility, epoch, from_seq, to_seq)
);

CREATE TABLE quarantine (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  facility    text,
  topic       text NOT NULL,
  received_at bigint NOT NULL,
  cause       text NOT NULL,
  detail      text NOT NULL,
  bytes       integer NOT NULL,
  sha256      text NOT NULL,
  payload     text                                  -- with every value that may not cross withheld
);
CREATE INDEX quarantine_newest ON quarantine (received_at DESC);
