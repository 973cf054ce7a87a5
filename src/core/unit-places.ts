/**
 * Where things lie on a host whose roles have users of their own: the units, `tmpfiles.conf` and `settle-data` of deploy/ say the
 * same. Elsewhere all of it lies in the data folder.
 */
export const UNIT_PLACES = {
  /** Sockets by which the keeper has a role started. */
  roles: "/run/ringfort/roles",
  /** The one data folder that the units show parts of to their processes. */
  data: "/var/lib/ringfort",
  /** Its files are the signer's alone. */
  signer: "/var/lib/ringfort-signer",
  /** In a folder that the console may enter besides the keeper. */
  api: "/run/ringfort/api/api.sock",
} as const;
