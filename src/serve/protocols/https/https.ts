import type { ServeHttps } from "../../../wire/jobs.ts";
import type { Protocol } from "../../protocol.ts";
import type { ShownIdentity } from "../../tls/shown-identity.ts";
import { listenTls } from "../../tls/tls-listener.ts";
import { httpEngine } from "../http/http.ts";

/** HTTP under TLS: the same answers as without it. */
export function https({ clients, hsts }: ServeHttps, identity: ShownIdentity): Protocol {
  return {
    listen: (serving, at) => {
      const engine = httpEngine(serving, hsts);
      return listenTls(
        serving,
        {
          identity,
          clients,
          protocols: ["http/1.1"],
          take: (carried) => engine.take(carried),
          finish: (closed) => engine.stop(closed),
        },
        at,
      );
    },
  };
}
