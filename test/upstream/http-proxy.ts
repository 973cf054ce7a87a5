import { once } from "node:events";
import { createServer, request as forward } from "node:http";
import { connect } from "node:net";
import { listenOnLoopback } from "./listen.ts";

export interface HttpProxy {
  readonly port: number;
  /** Request lines as they came: "GET http://…" or "CONNECT host:port". */
  readonly requests: string[];
  close(): Promise<void>;
}

/** A proxy on 127.0.0.1; with `login` it answers 407 to everybody else, with `refuses` it opens no tunnel. */
export async function startHttpProxy(
  options: { readonly login?: string; readonly refuses?: number; readonly speaksFirst?: string } = {},
): Promise<HttpProxy> {
  const requests: string[] = [];
  const admits = (header: string | undefined): boolean =>
    options.login === undefined || header === `Basic ${Buffer.from(options.login).toString("base64")}`;
  const server = createServer((asked, answer) => {
    requests.push(`${asked.method} ${asked.url}`);
    if (!admits(asked.headers["proxy-authorization"])) {
      answer.writeHead(407).end();
      return;
    }
    const { "proxy-authorization": _own, ...headers } = asked.headers;
    forward(asked.url ?? "", { headers }, (came) => {
      answer.writeHead(came.statusCode ?? 502, came.headers);
      came.pipe(answer);
    })
      .on("error", () => answer.writeHead(502).end())
      .end();
  });
  server.on("connect", (asked, client) => {
    requests.push(`CONNECT ${asked.url}`);
    client.on("error", () => {});
    if (!admits(asked.headers["proxy-authorization"])) {
      client.end("HTTP/1.1 407 Login\r\n\r\n");
    } else if (options.refuses !== undefined) {
      client.end(`HTTP/1.1 ${options.refuses} No\r\n\r\n`);
    } else {
      const target = new URL(`http://${asked.url}`);
      const line = connect(Number(target.port), "127.0.0.1", () => {
        client.write(`HTTP/1.1 200 Open\r\n\r\n${options.speaksFirst ?? ""}`);
        line.pipe(client).pipe(line);
      });
      line.on("error", () => client.destroy());
      client.on("close", () => line.destroy());
    }
  });
  const port = await listenOnLoopback(server);
  return {
    port,
    requests,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}
