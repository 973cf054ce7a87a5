import { argon2, randomBytes, timingSafeEqual } from "node:crypto";
import { Failure } from "../core/kernel/errors.ts";

/**
 * Argon2id (RFC 9106), with 64 MiB and three passes: the second recommended option of its section 4. Stored as PHC
 * strings, so that later parameters can stand beside these.
 */
const MEMORY_KIB = 64 * 1024;
const PASSES = 3;
const SALT_BYTES = 16;
const TAG_BYTES = 32;
/** NIST SP 800-63B section 3.1.1.2 asks for at least 15 where a password stands alone. */
const LEAST_CHARACTERS = 15;
const MOST_CHARACTERS = 256;

const STORED = /^\$argon2id\$v=19\$m=65536,t=3,p=1\$([A-Za-z0-9+/]{22})\$([A-Za-z0-9+/]{43})$/;

/** One hash at a time: each takes 64 MiB and a good part of a second, and strangers may ask for it. */
export class Passwords {
  #turn: Promise<unknown> = Promise.resolve();

  /** The form that is stored. Throws `Failure` `password.unfit`. */
  async hash(password: string): Promise<string> {
    const { length } = Array.from(password);
    if (length < LEAST_CHARACTERS || length > MOST_CHARACTERS)
      throw new Failure(
        "password.unfit",
        `a password has ${LEAST_CHARACTERS} to ${MOST_CHARACTERS} characters; a few words are easier than signs`,
      );
    const salt = randomBytes(SALT_BYTES);
    const tag = await this.#derive(password, salt);
    return `$argon2id$v=19$m=${MEMORY_KIB},t=${PASSES},p=1$${unpadded(salt)}$${unpadded(tag)}`;
  }

  /** Whether it is the password. Without a stored form it takes as long, and is not: names cannot be told apart by time. */
  async matches(stored: string | null, password: string): Promise<boolean> {
    const [, salt, tag] = STORED.exec(stored ?? "") ?? [];
    const expected = tag === undefined ? randomBytes(TAG_BYTES) : Buffer.from(tag, "base64");
    const nonce = salt === undefined ? Buffer.alloc(SALT_BYTES) : Buffer.from(salt, "base64");
    const given = await this.#derive(password.slice(0, MOST_CHARACTERS * 2), nonce);
    return timingSafeEqual(given, expected);
  }

  #derive(password: string, nonce: Buffer): Promise<Buffer> {
    const work = (): Promise<Buffer> =>
      new Promise((resolve, reject) => {
        // Composed and decomposed letters are the same to whoever types them (RFC 8265 section 4.2.2).
        const message = Buffer.from(password.normalize("NFC"));
        const parameters = { message, nonce, parallelism: 1, tagLength: TAG_BYTES, memory: MEMORY_KIB, passes: PASSES };
        argon2("argon2id", parameters, (error, tag) => (error === null ? resolve(tag) : reject(error)));
      });
    const turn = this.#turn.then(work, work);
    this.#turn = turn.catch(() => {});
    return turn;
  }
}

function unpadded(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64").replaceAll("=", "");
}
