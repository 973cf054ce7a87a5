/** Messages below this size can do no harm whatever they hold. */
const SMALL_BYTES = 1024 * 1024;
/** Arrays and objects of the largest listing that fits into a message: two for each name. */
const MOST_OPENED = 1_100_000;
/** Members of one object, on average: a listed artifact has ten. */
const MEMBERS_EACH = 16;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const BRACKET = 0x5b;
const BRACE = 0x7b;

/**
 * Whether the text of a message, not yet parsed, holds more arrays, objects or members than any of ours. Sixty-four
 * mebibytes of `[],[],` are twenty million arrays: parsing them takes a gigabyte and a good while, in which the
 * daemon does nothing else, and a worker that was taken over could say so in every job.
 */
export function isTooIntricate(text: Uint8Array): boolean {
  if (text.length < SMALL_BYTES) return false;
  let opened = 0;
  let members = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const byte = text[at];
    if (quoted) {
      if (byte === BACKSLASH) at += 1;
      else if (byte === QUOTE) quoted = false;
    } else if (byte === QUOTE) quoted = true;
    else if (byte === BRACKET || byte === BRACE) opened += 1;
    else if (byte === COLON) members += 1;
  }
  return opened > MOST_OPENED || members > opened * MEMBERS_EACH + 1_000;
}
