import { Failure, quoteOutside } from "../../core/kernel/errors.ts";
import { collisionKey } from "../../core/kernel/safe-path.ts";
import { type NewMember, writeZip } from "../archive/write-zip.ts";
import { guarded, type Signing } from "./write-index.ts";

/**
 * The bytes of a package: a zip of these files with the inner guard over every one of them (`v.grd`, `v.sig`). Throws
 * `config.invalid` when a file has one of these names, or one that cannot stand in a guard.
 */
export function writePackage(
  input: Signing & { readonly files: readonly Pick<NewMember, "name" | "bytes" | "executable">[] },
): Uint8Array {
  const own = input.files.find(({ name }) => ["v.grd", "v.sig"].includes(collisionKey(name)));
  if (own !== undefined) throw new Failure("config.invalid", `${quoteOutside(own.name)} is the guard's own name`);
  const { guard, signature } = guarded(input.files, input);
  return writeZip([...input.files, { name: "v.grd", bytes: guard }, { name: "v.sig", bytes: signature }], input.at);
}
