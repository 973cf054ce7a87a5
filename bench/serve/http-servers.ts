import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { ChannelFolder } from "../../test/fixtures/channel-folder.ts";
import { ServeProcess } from "../../test/fixtures/serve-process.ts";
import type { TestCertificate } from "../../test/upstream/certificate.ts";
import { freePort } from "../nginx.ts";
import { buildRelease } from "../release.ts";
import { SERVER_CPU } from "./wrk.ts";

const run = promisify(execFile);

/** One server under load. */
export interface HttpServer {
  readonly url: string;
  /** The same over TLS; `null`: it is not served so. */
  readonly secureUrl: string | null;
  /** It and the processes below it are the server. */
  readonly pid: number;
  stop(): Promise<void>;
}

export const FILES = { k1: 1_024, m1: 1_048_576, m100: 100 * 1_048_576 } as const;

/** The same bytes for every server. */
export function makeFiles(): Readonly<Record<keyof typeof FILES, Buffer>> {
  return { k1: randomBytes(FILES.k1), m1: randomBytes(FILES.m1), m100: randomBytes(FILES.m100) };
}

/** One client here stands for hundreds, and asks as often on one connection as it may ask nginx. */
const LIMITS = { connections: 4_096, connectionsPerClient: 4_096, requestsPerConnection: 1_000, keepAlive: 75_000 };

/** A channel's process of the release, confined as the daemon starts it, over a folder that its caller ends. */
export async function startOurs(
  folder: ChannelFolder,
  { cert, key }: TestCertificate,
): Promise<HttpServer & { readonly serve: ServeProcess }> {
  const program = path.join(await buildRelease(), "serve-worker.js");
  const https = { host: "127.0.0.1", port: 0, certificate: cert, key };
  const session = { idle: 10_000, most: 120_000 };
  const serve = await ServeProcess.start(folder, { limits: LIMITS, session, https }, program);
  const pid = serve.child.pid ?? 0;
  await run("taskset", ["-a", "-p", "-c", SERVER_CPU, String(pid)]);
  const secureUrl = `https://127.0.0.1:${serve.httpsPort}/one`;
  return { serve, url: `${serve.url}/one`, secureUrl, pid, stop: async () => void (await serve.stop()) };
}

/** `plain`: one worker and sendfile; `tuned`: open files kept and a buffered log too, as its handbooks tune it. */
export type NginxKind = "plain" | "tuned";
const TUNING = "open_file_cache max=10000 inactive=60s; open_file_cache_valid 60s;";

/** nginx over the same files, in a folder that is its own. */
export async function startNginx(
  kind: NginxKind,
  files: Readonly<Record<string, Buffer>>,
  parent: string,
  { cert, key }: TestCertificate,
): Promise<HttpServer> {
  const work = path.join(parent, kind);
  const root = path.join(work, "root");
  await mkdir(root, { recursive: true });
  for (const [name, bytes] of Object.entries(files)) await writeFile(path.join(root, name), bytes);
  const [port, securePort] = [await freePort(), await freePort()];
  await writeFile(path.join(work, "cert.pem"), cert);
  await writeFile(path.join(work, "key.pem"), key);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (each) => `${each}_temp_path ${work}/${each};`,
  );
  const config = `
    ${process.getuid?.() === 0 ? "user root;" : ""}
    daemon off; worker_processes 1; pid ${work}/nginx.pid; error_log ${work}/error.log;
    events { worker_connections 8192; multi_accept on; }
    http {
      ${temporary.join(" ")}
      sendfile on; sendfile_max_chunk 2m; tcp_nopush on; tcp_nodelay on; keepalive_timeout 75s; keepalive_requests 1000;
      ${kind === "tuned" ? TUNING : ""} server_tokens off;
      access_log ${work}/access.log combined${kind === "tuned" ? " buffer=64k flush=1s" : ""};
      types { } default_type application/octet-stream;
      ssl_certificate ${work}/cert.pem; ssl_certificate_key ${work}/key.pem; ssl_protocols TLSv1.3;
      ssl_session_cache shared:tls:10m; ssl_buffer_size 16k; output_buffers 2 512k;
      server { listen 127.0.0.1:${port} backlog=4096; listen 127.0.0.1:${securePort} ssl backlog=4096; root ${root}; }
    }`;
  const file = path.join(work, "nginx.conf");
  await writeFile(file, config);
  const child = spawn("taskset", ["-c", SERVER_CPU, "nginx", "-c", file], {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin` },
  });
  const url = `http://127.0.0.1:${port}`;
  for (let attempt = 0; ; attempt += 1) {
    const up = await fetch(`${url}/k1`).then(
      () => true,
      () => false,
    );
    if (up) break;
    if (attempt > 100) throw new Error("nginx does not start");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const stop = async (): Promise<void> => {
    const gone = once(child, "exit");
    child.kill("SIGTERM");
    await gone;
  };
  return { url, secureUrl: `https://127.0.0.1:${securePort}`, pid: child.pid ?? 0, stop };
}

/** What Node can send at all: the same number of bytes from memory, whatever is asked for. */
export async function startRaw(size: number): Promise<HttpServer> {
  const script = path.join(import.meta.dirname, "raw-load.ts");
  const child = spawn("taskset", ["-c", SERVER_CPU, process.execPath, script, String(size)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const [port]: unknown[] = await once(child.stdout, "data");
  const stop = async (): Promise<void> => {
    const gone = once(child, "exit");
    child.stdin.end();
    await gone;
  };
  return { url: `http://127.0.0.1:${String(port).trim()}`, secureUrl: null, pid: child.pid ?? 0, stop };
}
