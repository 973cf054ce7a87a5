import { existsSync } from "node:fs";
import { uptime, userInfo } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import type { Surroundings } from "../cli/context.ts";
import { runCommandLine } from "../cli/program.ts";
import { hostDoorHere } from "./host-door-here.ts";
import { loadConfigHere } from "./load-config.ts";
import { isSingleFile, version } from "./own-files.ts";
import { terminalHere } from "./terminal-here.ts";

/** Who runs this, as the operating system names them; a container's user may have a number only. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? "unknown"}`;
  }
}

/** The command line: `ringfort`. It talks to the daemon, and `hostfile check` to the mirrors that a person names. */
const surroundings: Surroundings = {
  terminal: terminalHere(),
  cwd: process.cwd(),
  user: userName(),
  version: version(),
  isSingleFile,
  loadConfig: loadConfigHere,
  pause: async (milliseconds) => {
    await wait(milliseconds);
    return true;
  },
  // Loaded when it is needed: no other command opens a connection to anybody but the daemon.
  inIsTerminal: process.stdin.isTTY,
  readSecret: async (prompt) => (await import("./read-line.ts")).readSecretHere(prompt),
  confirm: async (question) => (await import("./read-line.ts")).confirmHere(question),
  readAnswer: async (question) => (await import("./read-line.ts")).readAnswerHere(question),
  host: hostDoorHere,
  ledgerFiles: {
    copy: async (from, to) => (await import("../store/ledgers/ledger-copy.ts")).copyLedger(from, to),
    sweep: async (data) => (await import("../store/left-copies.ts")).sweepCopies(data, Date.now()),
    takers: async (file, scope) => (await import("../store/ledgers/read-takers.ts")).readTakers(file, scope),
    check: async (file) => (await import("../store/ledgers/ledger-copy.ts")).checkLedger(file),
  },
  images: {
    build: async (wish, progress) => {
      // Folders that packages and we make in the root are those of every builder, whatever its umask.
      process.umask(0o022);
      const { buildImage } = await import("../imaging/build-image.ts");
      return buildImage({ ...wish, isRoot: process.getuid?.() === 0 }, progress);
    },
    read: async (...args) => (await import("../imaging/read-image.ts")).readImage(...args),
    manifest: async (...args) => (await import("../imaging/read-image.ts")).readManifest(...args),
    runningRoot: async () => {
      const [{ Root }, { runningRoot }] = [await import("../host/root.ts"), await import("../host/running-root.ts")];
      return runningRoot(new Root("/"));
    },
    uptime: () => uptime() * 1_000,
  },
  lookAtHost: async (wish) => (await import("./look-at-host.ts")).lookAtHostHere(wish),
  observer: {
    look: async (wish) => (await import("./observe-here.ts")).observerHere.look(wish),
    ports: async () => (await import("./observe-here.ts")).observerHere.ports(),
    topFolders: async () => (await import("./observe-here.ts")).observerHere.topFolders(),
    passedOver: async () => (await import("./observe-here.ts")).observerHere.passedOver(),
    exposure: async (unit) => (await import("./observe-here.ts")).observerHere.exposure(unit),
    isThere: (file) => existsSync(file),
    try: async (wish, write) => (await import("./observe-here.ts")).observerHere.try(wish, write),
    film: async (wish, write) => (await import("./observe-here.ts")).observerHere.film(wish, write),
  },
  adviseUnit: async (wish) => (await import("./advise-unit-here.ts")).adviseUnitHere(wish),
  readHostNetwork: async (rules, settings) =>
    (await import("../host/loaded-network.ts")).readHostNetwork(rules, settings),
  probe: async (entry) => (await import("./probe-host.ts")).probeHost(entry),
};

// `ringfort log | head` closes the pipe early; that is the reader's right and no bug.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

process.exitCode = await runCommandLine(process.argv.slice(2), surroundings);
