/**
 * The whole name that an argument stands for in a folder, or `null` when it can name nothing. A name is put behind the
 * folder's and looked up as it is: `..`, `.`, empty segments and backslashes are in no view, and nothing resolves
 * them. `folder` begins and ends with `/`.
 */
export function nameIn(folder: string, argument: string): string | null {
  if (argument === "" || argument.includes("\\")) return null;
  const name = argument.startsWith("/") ? argument : folder + argument;
  return name.split("/").some((segment) => segment === "." || segment === "..") ? null : name;
}

/**
 * As `nameIn`, where a folder is asked for: "." (urllib sends `CWD .`) and ".." are understood when they are all that
 * is said. Above the root is the root, as in every file system.
 */
export function folderIn(folder: string, argument: string): string | null {
  if (argument === "." || argument === "") return folder;
  if (argument === "..") return parentOf(folder);
  const name = nameIn(folder, argument);
  return name === null || name.endsWith("/") ? name : `${name}/`;
}

export function parentOf(folder: string): string {
  return folder === "/" ? "/" : folder.slice(0, folder.lastIndexOf("/", folder.length - 2) + 1);
}

/** A folder's name as clients write it: without the `/` at its end. */
export function shownFolder(folder: string): string {
  return folder === "/" ? "/" : folder.slice(0, -1);
}

/** Without options: real clients send `LIST -a`, `-la`, `-l -a dir`; what they change, we don't have. */
export function withoutOptions(argument: string | null): string {
  return (argument ?? "").replace(/^(?:-[A-Za-z1]*(?: +|$))+/, "");
}
