import type { HostFile } from "../../model/host-file.ts";
import { type WriteOptions, type Written } from "./written.ts";

/** The host file itself, complete and in one form: two that mean the same are the same bytes. */
export function agent(file: HostFile, _options: WriteOptions): Written {
  const { format, deployment, channel, hosts, trust } = file;
  const text = `${JSON.stringify({ format, deployment, channel, hosts, trust }, null, 2)}\n`;
  const keyless = trust.liveupdate === undefined && trust.minisign.length === 0;
  const notes = [
    ...(keyless ? ["it names nobody to believe: an agent installs nothing by it"] : []),
    ...(trust.recall.length === 0 ? ["no key may take its clients back: they obey no recall"] : []),
  ];
  return { kind: "written", name: "ringfort-host-file.json", text, notes };
}
