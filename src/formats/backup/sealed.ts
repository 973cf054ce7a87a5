import { createHash } from "node:crypto";
import { Decrypter, Encrypter } from "age-encryption";
import { type Refusal, refuse } from "../../core/kernel/errors.ts";
import { type BackupFile, type Manifest, MOST_MANIFEST_BYTES, manifest } from "./layout.ts";

/** Who may open a back-up: recipients of age ("age1…"), or a passphrase; never both, as age has it. */
export type Sealing = { readonly recipients: readonly string[] } | { readonly passphrase: string };
/** What opens it: identities of age ("AGE-SECRET-KEY-1…"), or the passphrase. */
export type Opening = { readonly identities: readonly string[] } | { readonly passphrase: string };

/** The bytes of a back-up, encrypted as age has it (age-encryption.org/v1). Throws what age says of a recipient that is none. */
export async function sealBackup(
  content: Manifest,
  files: () => AsyncIterable<Uint8Array>,
  sealing: Sealing,
): Promise<AsyncIterable<Uint8Array>> {
  const encrypter = new Encrypter();
  if ("passphrase" in sealing) encrypter.setPassphrase(sealing.passphrase);
  else for (const each of sealing.recipients) encrypter.addRecipient(each);
  async function* plain(): AsyncGenerator<Uint8Array> {
    yield Buffer.from(`${JSON.stringify(content)}\n`);
    yield* files();
  }
  return await encrypter.encrypt(ReadableStream.from(plain()));
}

/** Takes the files of a back-up as they are decrypted. */
export interface BackupSink {
  begin(name: BackupFile): Promise<void>;
  write(piece: Uint8Array): Promise<void>;
  end(): Promise<void>;
}

/**
 * Reads a back-up to its end and hands its files on. What was handed on before a refusal is not to be believed: only the whole is
 * authenticated to its last byte, and each file is compared with its digest.
 */
export async function openBackup(
  sealed: AsyncIterable<Uint8Array>,
  opening: Opening,
  sink: BackupSink,
): Promise<Manifest | Refusal> {
  const decrypter = new Decrypter();
  if ("passphrase" in opening) decrypter.addPassphrase(opening.passphrase);
  else for (const each of opening.identities) decrypter.addIdentity(each);
  let plain: AsyncIterable<Uint8Array>;
  try {
    plain = await decrypter.decrypt(ReadableStream.from(sealed));
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : "";
    // The library has no codes: this is the one of its messages that tells a wrong key from damage.
    if (/no identity matched|incorrect passphrase|passphrase/i.test(said)) return refuse("backup.key-wrong", "");
    return refuse("backup.damaged", "its head is none of age's, or was changed");
  }
  return await readFiles(decrypted(plain), sink);
}

/** What the cipher refuses comes out as a refusal; what the disk says on the way is the disk's. */
class Tampered extends Error {}

async function* decrypted(plain: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const pieces = plain[Symbol.asyncIterator]();
  for (;;) {
    let next: IteratorResult<Uint8Array>;
    try {
      next = await pieces.next();
    } catch (cause) {
      if (cause instanceof Error && "syscall" in cause) throw cause;
      throw new Tampered("the cipher does not agree", { cause });
    }
    if (next.done === true) return;
    yield next.value;
  }
}

async function readFiles(plain: AsyncGenerator<Uint8Array>, sink: BackupSink): Promise<Manifest | Refusal> {
  try {
    const head = await readManifest(plain);
    if ("code" in head) return head;
    let { rest } = head;
    for (const { name, size, sha256 } of head.manifest.files) {
      const hash = createHash("sha256");
      await sink.begin(name);
      for (let left = size; left > 0; ) {
        if (rest.length === 0) {
          const next = await plain.next();
          if (next.done === true) return refuse("backup.damaged", `it ends within ${name}`);
          rest = next.value;
        }
        const piece = rest.subarray(0, left);
        hash.update(piece);
        await sink.write(piece);
        left -= piece.length;
        rest = rest.subarray(piece.length);
      }
      await sink.end();
      if (hash.digest("hex") !== sha256) return refuse("backup.damaged", `${name} is not what was put in`);
    }
    const after = await plain.next();
    if (rest.length > 0 || after.done !== true) return refuse("backup.damaged", "it goes on behind its last file");
    return head.manifest;
  } catch (cause) {
    if (cause instanceof Tampered) return refuse("backup.damaged", "it was changed or cut off");
    throw cause;
  }
}

async function readManifest(
  plain: AsyncGenerator<Uint8Array>,
): Promise<{ readonly manifest: Manifest; readonly rest: Uint8Array } | Refusal> {
  let held: Uint8Array = new Uint8Array();
  for (let end = -1; ; ) {
    end = held.indexOf(10);
    if (end !== -1 && end <= MOST_MANIFEST_BYTES) {
      const parsed = manifest.safeParse(jsonOf(held.subarray(0, end)));
      if (!parsed.success) return refuse("backup.damaged", "its first line is not one of a back-up");
      return { manifest: parsed.data, rest: held.subarray(end + 1) };
    }
    if (held.length > MOST_MANIFEST_BYTES) return refuse("backup.damaged", "its first line is not one of a back-up");
    const next = await plain.next();
    if (next.done === true) return refuse("backup.damaged", "it ends before its first file");
    held = Buffer.concat([held, next.value]);
  }
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8")) as unknown;
  } catch {
    return null;
  }
}
