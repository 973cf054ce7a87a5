// What a URL, an FTP line or some file system takes for something else; the dollar, because it begins an escape.
const UNSAFE = /[\u0000-\u0020"#$%*/:<>?\\|\u007f-\u00ff]/g;

/** A name in lower case and as UTF-8, one character a byte. */
export function bytesOf(name: string): string {
  return Array.from(new TextEncoder().encode(name.toLowerCase()), (byte) => String.fromCharCode(byte)).join("");
}

/** Such bytes with `$hh` for each that is unsafe in a name. */
export function withEscapes(bytes: string): string {
  return bytes.replace(UNSAFE, (byte) => `$${byte.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

/** The name of a LiveUpdate index as clients and servers may also spell it, in the one spelling that it is computed in. */
export function canonicalName(name: string): string {
  const plain = bytesOf(name).replace(/[$%]([0-9a-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return withEscapes(plain);
}
