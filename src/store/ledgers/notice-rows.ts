import type { EventRecord, Notice, NoticeQueue } from "../../core/ports.ts";
import type { Connection, Row } from "./connection.ts";
import { text, whole } from "./rows.ts";

/** A ledger's part for notices that wait. */
export function noticeQueue(connection: Connection): NoticeQueue {
  return {
    putNotices: async (drafts) => {
      const sql = "INSERT INTO notice (subscriber, due_at, event) VALUES (?, ?, ?)";
      connection.transaction(() => {
        for (const { subscriber, dueAt, event } of drafts)
          connection.run(sql, subscriber, dueAt, JSON.stringify(event));
      });
    },
    dueNotices: async (subscriber, now, limit) => {
      const sql = "SELECT * FROM notice WHERE subscriber = ? AND due_at <= ? ORDER BY id LIMIT ?";
      return connection.all(sql, subscriber, now, limit).map(noticeFrom);
    },
    endNotices: async (ids, end) =>
      connection.transaction(() => {
        for (const id of ids) {
          if (end.kind === "done") connection.run("DELETE FROM notice WHERE id = ?", id);
          else connection.run("UPDATE notice SET due_at = ?, tries = tries + 1 WHERE id = ?", end.dueAt, id);
        }
      }),
    waitingNotices: async () => {
      const sql = "SELECT subscriber, count(*) FROM notice GROUP BY subscriber ORDER BY subscriber";
      return new Map(connection.arrays(sql).map(([subscriber, count]) => [text(subscriber), whole(count)]));
    },
    trimNotices: async (subscriber, most) => {
      const sql = `DELETE FROM notice WHERE subscriber = ?1 AND id <= (
        SELECT id FROM notice WHERE subscriber = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)`;
      return connection.run(sql, subscriber, most);
    },
  };
}

function noticeFrom(row: Row): Notice {
  return {
    id: whole(row["id"]),
    subscriber: text(row["subscriber"]),
    dueAt: whole(row["due_at"]),
    tries: whole(row["tries"]),
    event: JSON.parse(text(row["event"])) as EventRecord,
  };
}
