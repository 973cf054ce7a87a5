import type { SightingRetention } from "../../core/ports.ts";
import type { Connection } from "./connection.ts";
import { text, whole } from "./rows.ts";

/**
 * Removes who took the revision or file that was taken longest ago, when that is past its time or there are too many
 * rows; a part of it where it has more than one call may remove. Answers the rows.
 */
export function forgetTakings(connection: Connection, { takenBefore, mostTakings, atOnce }: SightingRetention): number {
  const all = whole(connection.get("SELECT coalesce(sum(takings), 0) AS n FROM taken_group")?.["n"]);
  const oldest = connection.get("SELECT kind, one, two, last_at, takings FROM taken_group ORDER BY last_at LIMIT 1");
  if (oldest === undefined || (whole(oldest["last_at"]) >= takenBefore && all <= mostTakings)) return 0;
  const [kind, one, two] = [text(oldest["kind"]), whole(oldest["one"]), whole(oldest["two"])];
  const removed =
    kind === "file"
      ? connection.run(SOME_OF_FILE, one, one, atOnce)
      : connection.run(SOME_OF_REVISION, one, two, one, two, atOnce);
  if (removed < atOnce) {
    connection.run("DELETE FROM taken_group WHERE kind = ? AND one = ? AND two = ?", kind, one, two);
    if (kind === "file") connection.run("DELETE FROM seen_file WHERE id = ?", one);
  } else {
    connection.run(LESS_IN_GROUP, removed, kind, one, two);
  }
  // The group's own row counts too: 0 says that there is nothing left to remove.
  return removed + 1;
}

/** Removes clients that nobody has seen since; what they took goes by its own time, and names nobody any more. */
export function forgetClients(connection: Connection, { seenBefore, atOnce }: SightingRetention): number {
  const old = connection.arrays(
    "SELECT source, channel, client FROM visit WHERE last_seen < ? LIMIT ?",
    seenBefore,
    atOnce,
  );
  for (const [source, channel, client] of old) {
    const place = [whole(source), whole(channel), whole(client)];
    connection.run("DELETE FROM visit WHERE source = ? AND channel = ? AND client = ?", ...place);
    connection.run("DELETE FROM rhythm WHERE source = ? AND channel = ? AND client = ?", ...place);
  }
  const reports = connection.run(OLD_REPORTS, seenBefore, atOnce);
  const clients = connection.run(NAMELESS, atOnce);
  return old.length + reports + clients;
}

const SOME_OF_FILE = `DELETE FROM taken_file WHERE file = ? AND (channel, client) IN
  (SELECT channel, client FROM taken_file WHERE file = ? LIMIT ?)`;
const SOME_OF_REVISION = `DELETE FROM taken WHERE source = ? AND revision = ? AND (channel, client) IN
  (SELECT channel, client FROM taken WHERE source = ? AND revision = ? LIMIT ?)`;
const LESS_IN_GROUP = "UPDATE taken_group SET takings = takings - ? WHERE kind = ? AND one = ? AND two = ?";
const OLD_REPORTS = `DELETE FROM report WHERE (client, channel, about) IN
  (SELECT client, channel, about FROM report WHERE at < ? LIMIT ?)`;
const NAMELESS = `DELETE FROM client WHERE id IN (SELECT c.id FROM client c
  WHERE NOT EXISTS (SELECT 1 FROM visit v WHERE v.client = c.id)
  AND NOT EXISTS (SELECT 1 FROM report r WHERE r.client = c.id) LIMIT ?)`;
