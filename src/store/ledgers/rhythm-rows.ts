import type { SQLOutputValue } from "node:sqlite";
import { Failure } from "../../core/kernel/errors.ts";
import { HOUR } from "../../core/kernel/instant.ts";
import { HOURS_BYTES, type HoursSeen, NO_HOURS, withSighting } from "../../core/model/hours-seen.ts";
import type { Connection } from "./connection.ts";
import { whole } from "./rows.ts";

/** Of a source, a channel and a client. */
type Place = readonly [number, number, number];

/** Writes an hour that has ended into a client's eight weeks. */
export function foldHours(connection: Connection, place: Place, hour: number, visits: number): void {
  const sql = "SELECT newest, counts FROM rhythm WHERE source = ? AND channel = ? AND client = ?";
  const row = connection.get(sql, ...place);
  const hours = withHour(hoursFrom(row?.["newest"], row?.["counts"]), hour, visits);
  connection.run(
    `INSERT INTO rhythm (source, channel, client, newest, counts) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (source, channel, client) DO UPDATE SET newest = excluded.newest, counts = excluded.counts`,
    ...place,
    hours.newest,
    hours.counts,
  );
}

/** With the visits of one hour more: those of the hour that is not over stand in the client's row. */
export function withHour(hours: HoursSeen, hour: number, visits: number): HoursSeen {
  let folded = hours;
  // Fifteen are as good as more: the ring holds no higher number.
  for (let each = 0; each < Math.min(visits, 15); each += 1) folded = withSighting(folded, hour * HOUR);
  return folded;
}

/** What was written of a client's hours; none where there is no row yet. */
export function hoursFrom(newest: SQLOutputValue | undefined, counts: SQLOutputValue | undefined): HoursSeen {
  if (counts === undefined || counts === null) return NO_HOURS;
  if (!(counts instanceof Uint8Array) || counts.length !== HOURS_BYTES)
    throw new Failure("store.damaged", "the ledger holds a client's hours that are none");
  return { newest: whole(newest), counts };
}
