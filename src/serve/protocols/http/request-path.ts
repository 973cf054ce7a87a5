/** Characters of a path as it is sent: every byte of the longest path, escaped, below the longest mount. */
const MOST_TARGET = 8_192;

/** What a request asks for. */
export interface RequestTarget {
  /** As it was sent, without the query: for the log. */
  readonly stem: string;
  readonly query: string | null;
  /** Decoded, beginning with `/`; `null` when it can name nothing that a view holds. */
  readonly path: string | null;
}

/**
 * Reads a request target (RFC 9112 section 3.2: origin-form or absolute-form). It is decoded once, and then looked up
 * as it is: nothing is resolved, collapsed or trimmed, for whatever needs that is no name of ours.
 */
export function requestTarget(url: string): RequestTarget {
  // The authority does not choose what is served: a channel has an address of its own.
  const origin = /^https?:\/\/[^/?#]*/i.exec(url);
  const rest = origin === null ? url : url.slice(origin[0].length);
  const mark = rest.indexOf("?");
  const stem = mark === -1 ? rest : rest.slice(0, mark);
  const query = mark === -1 ? null : rest.slice(mark + 1);
  return { stem, query, path: decodePath(stem === "" && origin !== null ? "/" : stem) };
}

function decodePath(stem: string): string | null {
  if (!stem.startsWith("/") || stem.length > MOST_TARGET) return null;
  // Bytes outside of ASCII are escaped in a target; the reader has refused the others already.
  if (!/^[ -~]*$/.test(stem)) return null;
  const decoded = stem.includes("%") ? percentDecoded(stem) : stem;
  return decoded === null || /[\p{Cc}\\]/u.test(decoded) ? null : decoded;
}

function percentDecoded(stem: string): string | null {
  // An escaped slash would be one name to us and two to a cache before us.
  if (/%2f/i.test(stem)) return null;
  try {
    // It refuses what is no UTF-8: overlong forms, surrogates, cut-off sequences. `+` stays `+`: it is no form field.
    return decodeURIComponent(stem);
  } catch (cause) {
    if (cause instanceof URIError) return null;
    throw cause;
  }
}

/** A path as it stands in a URL: for `Location` and links. */
export function encodePath(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}
