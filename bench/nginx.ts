import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import net from "node:net";
import path from "node:path";

export interface Nginx {
  readonly url: string;
  readonly accessLog: string;
  stop(): Promise<void>;
}

export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Waits until a server that was started takes connections. */
export async function connectsTo(port: number): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    const socket = net.connect(port, "127.0.0.1");
    try {
      await once(socket, "connect");
      return;
    } catch (error) {
      if (attempt > 50) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    } finally {
      socket.destroy();
    }
  }
}

/** A local nginx of one worker over a folder, as a vendor's server: sendfile, keep-alive, nothing else. */
export async function startNginx(root: string, work: string): Promise<Nginx> {
  await mkdir(work, { recursive: true });
  const port = await freePort();
  const accessLog = path.join(work, "access.log");
  const config = `
    daemon off; worker_processes 1; pid ${work}/nginx.pid; error_log ${work}/error.log;
    events { worker_connections 1024; }
    http {
      sendfile on; tcp_nopush on; keepalive_requests 100000; access_log ${accessLog};
      client_body_temp_path ${work}/b; proxy_temp_path ${work}/p; fastcgi_temp_path ${work}/f; uwsgi_temp_path ${work}/u; scgi_temp_path ${work}/s;
      types { } default_type application/octet-stream;
      server { listen 127.0.0.1:${port}; root ${root}; autoindex on; }
    }`;
  const file = path.join(work, "nginx.conf");
  await writeFile(file, process.getuid?.() === 0 ? `user root; ${config}` : config);
  const child = spawn("nginx", ["-c", file], {
    stdio: "ignore",
    env: { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin` },
  });
  const url = `http://127.0.0.1:${port}/`;
  await connectsTo(port);
  return {
    url,
    accessLog,
    stop: async () => {
      const gone = once(child, "exit");
      child.kill("SIGTERM");
      await gone;
    },
  };
}
