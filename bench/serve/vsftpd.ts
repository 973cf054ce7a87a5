import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { connectsTo, freePort } from "../nginx.ts";

export interface Vsftpd {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

/**
 * A local vsftpd over a folder that its own user may read, tuned for speed: no network namespace, sandbox or second
 * process for each session, no log; sendfile, as it comes. It wants root, to become its user. `launch` is put before
 * the program: what pins it to a processor.
 */
export async function startVsftpd(root: string, work: string, launch: readonly [string, ...string[]]): Promise<Vsftpd> {
  const empty = path.join(work, "empty");
  await mkdir(empty, { recursive: true });
  const port = await freePort();
  const config = path.join(work, "vsftpd.conf");
  const settings = {
    listen: "YES",
    listen_address: "127.0.0.1",
    listen_port: port,
    background: "NO",
    anonymous_enable: "YES",
    local_enable: "NO",
    write_enable: "NO",
    anon_root: root,
    secure_chroot_dir: empty,
    xferlog_enable: "NO",
    tcp_wrappers: "NO",
    isolate: "NO",
    isolate_network: "NO",
    seccomp_sandbox: "NO",
    one_process_model: "YES",
    use_sendfile: "YES",
    max_per_ip: 0,
    max_clients: 0,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
  await writeFile(config, lines.join(""));
  const [program, ...args] = launch;
  const child = spawn(program, [...args, "vsftpd", config], {
    stdio: "ignore",
    env: { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin` },
  });
  await connectsTo(port);
  return {
    port,
    pid: child.pid ?? 0,
    stop: async () => {
      const gone = once(child, "exit");
      child.kill("SIGTERM");
      await gone;
    },
  };
}
