import type { HostFile } from "../../model/host-file.ts";
import { unfit, type WriteOptions, type Written } from "./written.ts";

/**
 * Refused. What `LIVEUPDT.HST` says is documented (a name, an address, a type, a login, a subnet, a mask), how it is
 * written is not, and nobody has published one. A file that is guessed would be a client that silently stops updating.
 */
export function liveupdtHst(_file: HostFile, _options: WriteOptions): Written {
  return unfit(
    "no-evidence",
    "how LIVEUPDT.HST is written is documented nowhere, so that it is not written here; use its maker's editor, with the values that `ringfort hostfile show` prints",
  );
}
