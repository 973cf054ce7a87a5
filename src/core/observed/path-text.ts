/**
 * A path of a file system as text: UTF-8 as it is; bytes that are none, and the backslash, as `\xNN`, so that two paths never
 * become one text. Control characters stay: whoever shows it escapes them (`quoteOutside`).
 */
export function pathText(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes).replaceAll("\\", String.raw`\x5c`);
  } catch {
    return Array.from(pieces(bytes)).join("");
  }
}

/** UTF-8 sequences one by one; what is none of them byte by byte. */
function* pieces(bytes: Uint8Array): Generator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  for (let at = 0; at < bytes.length; ) {
    const lead = bytes[at] ?? 0;
    const length = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    try {
      const text = decoder.decode(bytes.subarray(at, at + length));
      yield text === "\\" ? String.raw`\x5c` : text;
      at += length;
    } catch {
      yield `\\x${lead.toString(16).padStart(2, "0")}`;
      at += 1;
    }
  }
}
