import { agent } from "./agent.ts";
import { aptSources } from "./apt-sources.ts";
import { freshclam } from "./freshclam.ts";
import { liveupdateConf } from "./liveupdate-conf.ts";
import { liveupdtHst } from "./liveupdt-hst.ts";
import { suricataUpdate } from "./suricata-update.ts";
import type { HostFileWriter } from "./written.ts";

/** Every kind of client's file that a host file can be written as. */
export const HOST_FILE_WRITERS = {
  agent,
  "liveupdate-conf": liveupdateConf,
  freshclam,
  apt: aptSources,
  "suricata-update": suricataUpdate,
  "liveupdt-hst": liveupdtHst,
} as const satisfies Readonly<Record<string, HostFileWriter>>;

export type HostFileKind = keyof typeof HOST_FILE_WRITERS;
