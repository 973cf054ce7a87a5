import { ftp } from "./protocols/ftp/ftp.ts";
import { http } from "./protocols/http/http.ts";
import { https } from "./protocols/https/https.ts";

/** Every protocol that a channel can be served by. */
export const protocols = { http, https, ftp } as const;
