import process from "node:process";

/**
 * A terminal's Ctrl-C and systemd's stop signal every process of the group, the workers before the daemon has told them
 * anything. A server would cut its clients and a fetch its download: workers end with their lanes, in the daemon's order.
 */
export function endsWithItsLane(): void {
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => {});
}
