import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { Failure, quoteOutside } from "../core/kernel/errors.ts";

const PLACES = ["/usr/bin/systemctl", "/bin/systemctl"];
/** Longer than a daemon may take to stop (TimeoutStopSec of its unit). */
const MOST_TIME = 180_000;

/** Runs systemctl; `false` where the machine has none. Throws `service.refused` with what it said. */
export async function systemctl(args: readonly string[]): Promise<boolean> {
  const program = PLACES.find((place) => existsSync(place));
  if (program === undefined) return false;
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8", SYSTEMD_PAGER: "", SYSTEMD_COLORS: "0" };
  execFile(program, [...args], { env, cwd: "/", timeout: MOST_TIME }, (error, _, stderr) => {
    if (error === null) return resolve(true);
    const said = stderr.trim() === "" ? error.message : stderr.trim();
    reject(
      new Failure("service.refused", quoteOutside(`systemctl ${args.join(" ")}: ${said}`, 1_000), { cause: error }),
    );
  });
  return promise;
}
