import { ftp } from "./protocols/ftp/ftp.ts";
import { http } from "./protocols/http/http.ts";

/** Every protocol that a channel can be served by: HTTP always, FTP where the channel says so. */
export const protocols = { http, ftp } as const;
