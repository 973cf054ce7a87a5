import type { Instant } from "../../core/kernel/instant.ts";
import type { EventRecord, Notice, NoticeDraft, NoticeEnd } from "../../core/ports.ts";
import type { Connection } from "./connection.ts";
import { text, whole } from "./rows.ts";

export function putNotices(connection: Connection, drafts: readonly NoticeDraft[]): void {
  const sql = "INSERT INTO notice (subscriber, due_at, event) VALUES (?, ?, ?)";
  for (const { subscriber, dueAt, event } of drafts) connection.run(sql, subscriber, dueAt, JSON.stringify(event));
}

export function dueNotices(connection: Connection, subscriber: string, now: Instant, limit: number): readonly Notice[] {
  const sql = "SELECT * FROM notice WHERE subscriber = ? AND due_at <= ? ORDER BY id LIMIT ?";
  return connection.all(sql, subscriber, now, limit).map((row) => ({
    id: whole(row["id"]),
    subscriber: text(row["subscriber"]),
    dueAt: whole(row["due_at"]),
    tries: whole(row["tries"]),
    event: JSON.parse(text(row["event"])) as EventRecord,
  }));
}

export function endNotices(connection: Connection, ids: readonly number[], end: NoticeEnd): void {
  for (const id of ids) {
    if (end.kind === "done") connection.run("DELETE FROM notice WHERE id = ?", id);
    else connection.run("UPDATE notice SET due_at = ?, tries = tries + 1 WHERE id = ?", end.dueAt, id);
  }
}

export function waitingNotices(connection: Connection): ReadonlyMap<string, number> {
  const rows = connection.arrays("SELECT subscriber, count(*) FROM notice GROUP BY subscriber ORDER BY subscriber");
  return new Map(rows.map(([subscriber, count]) => [text(subscriber), whole(count)]));
}

export function trimNotices(connection: Connection, subscriber: string, most: number): number {
  const sql = `DELETE FROM notice WHERE subscriber = ?1 AND id <= (
    SELECT id FROM notice WHERE subscriber = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)`;
  return connection.run(sql, subscriber, most);
}
