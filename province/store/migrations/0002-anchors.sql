-- Anchors of ledgers: the newest of each facility, and how often it contradicted what it had anchored before.
ALTER TABLE facilities ADD COLUMN anchor jsonb;
ALTER TABLE facilities ADD COLUMN anchor_conflicts integer NOT NULL DEFAULT 0;
CREATE INDEX anchors_entry ON anchors (facility, ledger_seq);
UPDATE facilities f SET anchor = a.anchor
  FROM (SELECT DISTINCT ON (facility) facility,
               jsonb_build_object('at', at, 'receivedAt', received_at, 'ledgerSeq', ledger_seq, 'ledgerHash', ledger_hash,
                                  'epoch', epoch, 'sequence', sequence) AS anchor
          FROM anchors ORDER BY facility, epoch DESC, sequence DESC) a
 WHERE a.facility = f.id;
