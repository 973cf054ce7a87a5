import { quoteOutside } from "../../../../core/kernel/errors.ts";
import type { ReadFolder } from "../folder-entry.ts";
import { walkTags } from "./html-tags.ts";

/**
 * Reads the index page that a web server makes of a folder (nginx, Apache, lighttpd, IIS, Python's http.server): the
 * links to direct children. Links to elsewhere, upward, with a query (sort orders) or a fragment are left out. A page
 * may link one child twice, by its icon and by its name: it counts once. Sizes on such pages are rounded: none is told.
 */
export const readHtml: ReadFolder = (text, take) => {
  const seen = new Set<string>();
  let folder: string | null = null;
  return walkTags(text, {
    title(title) {
      folder ??= folderOfTitle(title);
    },
    link(href) {
      const link = childLink(href, folder);
      if (link === null) return null;
      const child = decode(link);
      if (child === null) return `a link that is not percent-encoded UTF-8: ${quoteOutside(href)}`;
      // By the link as written: an encoded slash at its end belongs to the name, and is left for judging to refuse.
      const folderLink = link.endsWith("/");
      const key = `${folderLink ? "folder" : "file"} ${child}`;
      if (seen.has(key)) return null;
      seen.add(key);
      return take({ name: folderLink ? child.slice(0, -1) : child, folder: folderLink, size: null });
    },
  });
};

/** The folder's path on its server, by the title: "Index of /pub", "Directory listing for /pub/", "host - /pub/". */
function folderOfTitle(title: string): string | null {
  const slash = title.indexOf("/");
  if (slash === -1) return null;
  const path = title.slice(slash).trim();
  return path.endsWith("/") ? path : `${path}/`;
}

/** The part of a link that names a direct child, still percent-encoded; `null` when it leads anywhere else. */
function childLink(href: string, folder: string | null): string | null {
  // A URL's parser takes off space around it (WHATWG URL section 4.4).
  const link = href.trim();
  if (link === "" || link.startsWith("//") || /[?#]/.test(link)) return null;
  if (link.startsWith("/")) {
    // Only when the page says where it is: any other absolute path may be the parent, or a stranger's menu.
    const path = folder === null ? null : decode(link);
    if (path === null || folder === null || !path.startsWith(folder)) return null;
    return direct(link.slice(rawLength(link, folder)));
  }
  if (/^[a-zA-Z][a-zA-Z0-9+.-]*:/.test(link)) return null;
  return direct(link.startsWith("./") ? link.slice(2) : link);
}

function direct(link: string): string | null {
  const name = link.endsWith("/") ? link.slice(0, -1) : link;
  return name === "" || name === "." || name === ".." || name.includes("/") ? null : link;
}

/** How many characters of the encoded link stand for the folder: both have the same number of slashes. */
function rawLength(link: string, folder: string): number {
  let at = 0;
  for (let slashes = folder.split("/").length - 1; slashes > 0; slashes -= 1) at = link.indexOf("/", at) + 1;
  return at;
}

function decode(text: string): string | null {
  if (text.includes("\ufffd")) return null;
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
