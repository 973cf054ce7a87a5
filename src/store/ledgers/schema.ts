/**
 * The ledger's tables, as the steps that lead from one version to the next; `user_version` counts the steps done. A
 * step that has been released is never edited: a new one is added.
 *
 * Entries are intervals: a row stands for one path with one content in every revision `since <= number < until`, and
 * `until IS NULL` means the newest revision and those to come. A revision of 100,000 files of which three changed
 * writes three rows. `removeRevisions` keeps it so that the open rows are exactly the newest revision's.
 *
 * There is no index by digest: it would be written in random order and double the time and the size of a revision,
 * and what asks by digest (a damaged blob, a collection) is rare and can read all rows.
 *
 * `numbering` outlives its source: a source that is removed and set up again goes on counting, so that a view or a
 * client that remembers revision 7 never meets another one of that name.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE source (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    spec TEXT NOT NULL
  ) STRICT;

  CREATE TABLE numbering (
    source TEXT PRIMARY KEY,
    last INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE revision (
    source INTEGER NOT NULL REFERENCES source (id),
    number INTEGER NOT NULL CHECK (number > 0),
    sealed_at INTEGER NOT NULL,
    files INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    series TEXT NOT NULL,
    vouched_by TEXT NOT NULL,
    unsigned INTEGER NOT NULL CHECK (unsigned IN (0, 1)),
    newest_built_at INTEGER,
    PRIMARY KEY (source, number)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE entry (
    source INTEGER NOT NULL REFERENCES source (id),
    path TEXT NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER CHECK (until > since),
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL CHECK (size >= 0),
    built_at INTEGER,
    PRIMARY KEY (source, path, since)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE position (
    source INTEGER NOT NULL REFERENCES source (id),
    channel TEXT NOT NULL,
    revision INTEGER NOT NULL,
    moved_at INTEGER NOT NULL,
    moves INTEGER NOT NULL,
    steps TEXT NOT NULL,
    PRIMARY KEY (source, channel),
    FOREIGN KEY (source, revision) REFERENCES revision (source, number)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE move (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source INTEGER NOT NULL REFERENCES source (id),
    channel TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('promotion', 'rollback')),
    from_number INTEGER,
    to_number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    by TEXT NOT NULL,
    reason TEXT NOT NULL
  ) STRICT;
  CREATE INDEX move_by_source ON move (source, id);

  CREATE TABLE upstream_note (
    source INTEGER NOT NULL REFERENCES source (id),
    path TEXT NOT NULL,
    etag TEXT,
    last_modified TEXT,
    sha256 TEXT NOT NULL,
    PRIMARY KEY (source, path)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE loose_blob (
    sha256 TEXT PRIMARY KEY,
    since INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE sync (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('new-revision', 'nothing-new', 'refused', 'failed')),
    code TEXT,
    detail TEXT NOT NULL,
    revision INTEGER,
    bytes INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    by TEXT NOT NULL
  ) STRICT;
  CREATE INDEX sync_by_source ON sync (source, id);

  CREATE TABLE event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    name TEXT NOT NULL,
    fields TEXT NOT NULL
  ) STRICT;
  `,
  `
  CREATE TABLE audit (
    n INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    line TEXT NOT NULL
  ) STRICT;
  CREATE INDEX audit_by_kind ON audit (kind, n);

  CREATE TABLE audit_node (
    level INTEGER NOT NULL,
    place INTEGER NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (level, place)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE checkpoint (
    size INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    note TEXT NOT NULL
  ) STRICT;
  `,
  `
  CREATE TABLE notice (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    subscriber TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    event TEXT NOT NULL
  ) STRICT;
  CREATE INDEX notice_by_subscriber ON notice (subscriber, id);
  `,
  // By the source's name: a policy's history outlives its source, as its runs do.
  `
  CREATE TABLE policy (
    source TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0),
    policy TEXT,
    at INTEGER NOT NULL,
    by TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (source, version)
  ) STRICT, WITHOUT ROWID;
  `,
  // By the source's name: what was found of a revision outlives it, as the record of its moves does.
  `
  CREATE TABLE evidence (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL,
    revision INTEGER NOT NULL,
    name TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('good', 'bad', 'note')),
    code TEXT NOT NULL,
    detail TEXT NOT NULL,
    at INTEGER NOT NULL,
    by TEXT NOT NULL
  ) STRICT;
  CREATE INDEX evidence_by_revision ON evidence (source, revision, id);
  `,
  `
  CREATE TABLE person (
    name TEXT PRIMARY KEY,
    roles TEXT NOT NULL,
    disabled INTEGER NOT NULL CHECK (disabled IN (0, 1)),
    password TEXT,
    created_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE token (
    id TEXT PRIMARY KEY,
    person TEXT NOT NULL REFERENCES person (name),
    label TEXT NOT NULL,
    roles TEXT,
    secret_hash TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    last_used_at INTEGER
  ) STRICT;
  `,
  // One open proposal for each channel of each source: two would race each other to it.
  `
  CREATE TABLE proposal (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL,
    channel TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('promotion', 'security', 'early', 'emergency')),
    revision INTEGER NOT NULL CHECK (revision > 0),
    reason TEXT NOT NULL,
    by TEXT NOT NULL,
    at INTEGER NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0),
    demands TEXT NOT NULL,
    expires_at INTEGER,
    state TEXT NOT NULL CHECK (state IN ('open', 'done', 'withdrawn', 'expired', 'overtaken')),
    authors TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX proposal_open ON proposal (source, channel) WHERE state = 'open';

  CREATE TABLE sign_off (
    proposal INTEGER NOT NULL REFERENCES proposal (id),
    version INTEGER NOT NULL,
    by TEXT NOT NULL,
    roles TEXT NOT NULL,
    at INTEGER NOT NULL,
    comment TEXT NOT NULL,
    PRIMARY KEY (proposal, version, by)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE served (
    id INTEGER PRIMARY KEY,
    channel TEXT NOT NULL UNIQUE
  ) STRICT;

  CREATE TABLE client (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    likeness TEXT NOT NULL,
    agent TEXT NOT NULL,
    UNIQUE (name, likeness)
  ) STRICT;

  CREATE TABLE visit (
    source INTEGER NOT NULL REFERENCES source (id),
    channel INTEGER NOT NULL REFERENCES served (id),
    client INTEGER NOT NULL REFERENCES client (id),
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    began INTEGER NOT NULL,
    visits INTEGER NOT NULL,
    held INTEGER,
    held_since INTEGER,
    hour INTEGER NOT NULL,
    in_hour INTEGER NOT NULL,
    PRIMARY KEY (source, channel, client)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX visit_by_client ON visit (client);

  CREATE TABLE rhythm (
    source INTEGER NOT NULL,
    channel INTEGER NOT NULL,
    client INTEGER NOT NULL,
    newest INTEGER NOT NULL,
    counts BLOB NOT NULL,
    UNIQUE (source, channel, client)
  ) STRICT;

  CREATE TABLE taken (
    source INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    channel INTEGER NOT NULL,
    client INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    whole_at INTEGER,
    last_at INTEGER NOT NULL,
    files INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    visits_before INTEGER NOT NULL,
    PRIMARY KEY (source, revision, channel, client)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE seen_file (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    path TEXT NOT NULL,
    UNIQUE (sha256, source, path)
  ) STRICT;

  CREATE TABLE taken_file (
    file INTEGER NOT NULL,
    channel INTEGER NOT NULL,
    client INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    whole_at INTEGER,
    last_at INTEGER NOT NULL,
    files INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    visits_before INTEGER NOT NULL,
    PRIMARY KEY (file, channel, client)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE taken_group (
    kind TEXT NOT NULL CHECK (kind IN ('revision', 'file')),
    one INTEGER NOT NULL,
    two INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    takings INTEGER NOT NULL,
    PRIMARY KEY (kind, one, two)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE report (
    channel INTEGER NOT NULL,
    client INTEGER NOT NULL,
    about TEXT NOT NULL,
    at INTEGER NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('ok', 'failed', 'back')),
    code TEXT NOT NULL,
    source TEXT NOT NULL,
    PRIMARY KEY (client, channel, about)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE restraint (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    restrains TEXT NOT NULL,
    reason TEXT NOT NULL,
    by TEXT NOT NULL,
    at INTEGER NOT NULL,
    expires_at INTEGER,
    released TEXT
  ) STRICT;
  `,
  // By the source's name: that a revision was there and was removed outlives its source.
  `
  CREATE TABLE purged (
    source TEXT NOT NULL,
    number INTEGER NOT NULL,
    sealed_at INTEGER NOT NULL,
    files INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    vouched_by TEXT NOT NULL,
    purged_at INTEGER NOT NULL,
    by TEXT NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (source, number)
  ) STRICT, WITHOUT ROWID;
  `,
  // Whoever an issuer vouches for is known by its own name for them, never by one that they may choose.
  `
  ALTER TABLE person ADD COLUMN issuer TEXT;
  ALTER TABLE person ADD COLUMN subject TEXT;
  CREATE UNIQUE INDEX person_by_identity ON person (issuer, subject);
  `,
];

/** Tables whose rows are written once: the authorizer lets no statement change them. */
export const APPEND_ONLY: ReadonlySet<string> = new Set([
  "move",
  "sync",
  "event",
  "audit",
  "audit_node",
  "checkpoint",
  "policy",
  "evidence",
  "sign_off",
  "purged",
]);

/** Those that not even the removal of a source takes anything from. Of events only the newest are kept: they are a log. */
export const NEVER_DELETED: ReadonlySet<string> = new Set([
  "sync",
  "numbering",
  "audit",
  "audit_node",
  "checkpoint",
  "policy",
  "evidence",
  "person",
  "proposal",
  "sign_off",
  "restraint",
  "purged",
]);
