import { readFile } from "node:fs/promises";
import { Failure, quoteOutside } from "../../core/kernel/errors.ts";
import { type MinisignKey, readMinisignKeys } from "../../formats/signatures/minisign.ts";
import { UsageError } from "../report.ts";
import { systemCode } from "../system-code.ts";

/** A key as it is written, or in a file: alone, or in the last line of two as minisign keeps it. */
export async function keyFrom(written: string, at: (name: string) => string): Promise<MinisignKey> {
  const direct = keyIn(written);
  if (direct !== null) return direct;
  const text = await readFile(at(written), "utf8").catch((cause: unknown) => {
    throw new UsageError(`--key is neither a minisign public key nor a file that can be read (${systemCode(cause)})`);
  });
  const read = keyIn(text.trimEnd().split(/\r?\n/).at(-1) ?? "");
  if (read === null) throw new UsageError(`${quoteOutside(written, 300)} holds no minisign public key`);
  return read;
}

function keyIn(text: string): MinisignKey | null {
  try {
    return readMinisignKeys([text])[0] ?? null;
  } catch (cause) {
    if (!(cause instanceof Failure)) throw cause;
    return null;
  }
}
