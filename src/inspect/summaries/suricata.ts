import { createHash } from "node:crypto";
import type { FileRange } from "../../formats/archive/read-range.ts";
import { Gathered } from "./gathered.ts";
import { Lines } from "./lines.ts";
import { TarFiles } from "./tar-files.ts";
import { type Unpack, unpacked } from "./unpacked.ts";

/** An action, a header, options that hold a sid. A rule that is commented out is a rule that is off. */
const RULE =
  /^(#\s*)?(alert|drop|pass|reject|rejectsrc|rejectdst|rejectboth|config)\s+\S.*\(.*\bsid\s*:\s*(\d{1,12})\s*;.*\)\s*$/;
/** A line that goes on in the next; how far a rule may. */
const MOST_RULE = 256 * 1024;

/** Rules of Suricata or Snort by their sid: a plain file, or the rule files of an archive. */
export async function summarizeSuricata(file: FileRange, path: string, unpack: Unpack): Promise<Gathered> {
  const gathered = new Gathered();
  const rules = (): ((piece: Uint8Array | null) => void) => {
    const reader = new RuleReader(gathered);
    return (piece) => (piece === null ? reader.end() : reader.push(piece));
  };
  if (!/\.gz$/i.test(path)) {
    const take = rules();
    await unpacked(file, false, unpack, gathered, take);
    take(null);
    return gathered;
  }
  const tar = new TarFiles((name) => (name.endsWith(".rules") ? rules() : null));
  await unpacked(file, true, unpack, gathered, (piece) => tar.push(piece));
  tar.end();
  if (tar.fault !== null) gathered.fail(tar.fault);
  return gathered;
}

class RuleReader {
  readonly #gathered: Gathered;
  readonly #lines: Lines;
  #begun = "";

  constructor(gathered: Gathered) {
    this.#gathered = gathered;
    this.#lines = new Lines((line) => this.#line(line));
  }

  push(piece: Uint8Array): void {
    this.#lines.push(piece);
  }

  end(): void {
    this.#lines.end();
    if (this.#begun !== "") this.#rule(this.#begun);
  }

  #line(line: string | null): void {
    if (line === null || this.#begun.length > MOST_RULE) {
      this.#gathered.fail("a rule is longer than any should be");
      this.#begun = "";
      return;
    }
    if (line.endsWith("\\")) {
      this.#begun += line.slice(0, -1);
      return;
    }
    this.#rule(this.#begun + line);
    this.#begun = "";
  }

  #rule(text: string): void {
    const [whole, off, action = "", sid = ""] = RULE.exec(text.trim()) ?? [];
    if (whole === undefined) return;
    const group = off === undefined ? action : "off";
    const rev = /\brev\s*:\s*(\d{1,9})\s*;/.exec(whole)?.[1] ?? "none";
    const gid = /\bgid\s*:\s*(\d{1,9})\s*;/.exec(whole)?.[1];
    // The text too: a rule that was changed under its old revision is what nobody looks for.
    const text8 = createHash("sha256")
      .update(whole.slice(off?.length ?? 0).replace(/\s+/g, " "))
      .digest("hex")
      .slice(0, 8);
    this.#gathered.count(group);
    this.#gathered.item(
      gid === undefined || gid === "1" ? sid : `${gid}:${sid}`,
      group,
      `${group} rev ${rev} (${text8})`,
    );
  }
}
