import { fstatSync } from "node:fs";
import { hostname } from "node:os";
import process from "node:process";
import { hasInternet } from "../confine/sockets.ts";
import type { SystemLogConfig } from "../core/config.ts";
import { Failure } from "../core/kernel/errors.ts";
import { isJournal, type SystemLog, stderrLog, syslogLog } from "../wire/syslog.ts";

/** The system log that the configuration asks for, of this process and this machine. */
export function systemLogHere(config: SystemLogConfig, version: string): SystemLog {
  const stderr = stderrLog({ write: (text) => void process.stderr.write(text), journal: stderrIsJournal() });
  if (config.to === "stderr") return stderr;
  // Of a log that can take no events there is only here left to tell.
  if (config.to === "off")
    return { ...stderr, record: (event, line) => void (event.name === "log.failed" && stderr.record(event, line)) };
  if (!hasInternet())
    throw new Failure(
      "config.invalid",
      "systemLog.to: syslog: the daemon's unit has no network, and every message would be lost. " +
        "Use `stderr`, which is the journal, and let the host's rsyslog or systemd-journal-upload send it on",
    );
  const sender = { hostname: hostname(), appName: "ringfortd", procId: String(process.pid), version };
  const syslog = syslogLog(config, sender);
  return {
    record: (event, line) => {
      stderr.record(event, line);
      syslog.record(event, line);
    },
    close: () => syslog.close(),
  };
}

function stderrIsJournal(): boolean {
  try {
    return isJournal(process.env["JOURNAL_STREAM"], fstatSync(2, { bigint: true }));
  } catch {
    // Standard error is closed.
    return false;
  }
}
