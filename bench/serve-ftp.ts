import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { conclude, machine, median, say, table } from "./report.ts";
import { FTP_ROWS, type FtpTurn, ftpContest } from "./serve/ftp-rows.ts";

/**
 * `npm run bench:serve-ftp`: RETR against a tuned vsftpd, in turn, server and client pinned to a processor each.
 * `--rounds` (7), `--seconds` of each turn (1). Wants root, for vsftpd.
 */
const { values } = parseArgs({
  options: { rounds: { type: "string", default: "7" }, seconds: { type: "string", default: "1" } },
});

say(machine());
const work = await mkdtemp(path.join(tmpdir(), "ringfort-bench-"));
const turns = FTP_ROWS.map((row) => ({ row, ours: [] as FtpTurn[], peer: [] as FtpTurn[] }));
const contest = await ftpContest(work);
try {
  // The first round is warm-up.
  for (let round = 0; round <= Number(values.rounds); round += 1) {
    for (const { row, ours, peer } of turns) {
      const turn = await contest.turn(row, Number(values.seconds));
      if (round === 0) continue;
      ours.push(turn.ours);
      peer.push(turn.peer);
    }
  }
} finally {
  await contest.end();
  await rm(work, { recursive: true, force: true });
}

const speed = (list: readonly FtpTurn[]): number => median(list.map((one) => one.megabytesPerSecond));
const cpu = (list: readonly FtpTurn[]): number => median(list.map((one) => one.cpuSecondsPerGigabyte));
const results = turns.map(({ row, ours, peer }) => {
  const ratios = ours.map((one, at) => one.megabytesPerSecond / (peer[at]?.megabytesPerSecond ?? Number.NaN));
  const [least, most] = [Math.min(...ratios), Math.max(...ratios)];
  return { row, ours, peer, ratio: median(ratios), least, most, met: median(ratios) >= row.goal };
});
say(
  `\n${table(
    ["row", "MB/s", "vsftpd", "ratio", "spread", "CPU s/GB", "vsftpd", "goal", "met"],
    results.map(({ row, ours, peer, ratio, least, most, met }) => [
      row.name,
      speed(ours).toFixed(0),
      speed(peer).toFixed(0),
      ratio.toFixed(2),
      `${least.toFixed(2)}–${most.toFixed(2)}`,
      cpu(ours).toFixed(2),
      cpu(peer).toFixed(2),
      row.goal.toFixed(1),
      met ? "yes" : "NO",
    ]),
  )}`,
);
conclude(
  {
    bench: "serve-ftp",
    rows: results.map(({ row, ratio, least, most, ours, peer }) => ({
      row: row.name,
      ratio,
      least,
      most,
      megabytesPerSecond: speed(ours),
      vsftpd: speed(peer),
      cpuRatio: cpu(ours) / cpu(peer),
    })),
  },
  results.every(({ met }) => met),
);
