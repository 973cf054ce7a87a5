/**
 * The page of ceilings: every quantity that a stranger can choose has its maximum here, and nowhere else. Those an
 * operator may lower or raise per source are in `config.ts`; these are the walls behind them.
 */
export const LIMITS = {
  /** Bytes of a path inside a revision (UTF-8). */
  pathLength: 1_024,
  /** Bytes of one segment of a path: what ext4, NTFS and APFS all take. */
  pathSegment: 255,
  pathDepth: 32,
  /** Bytes of one JSON message between our own processes; data frames have their own ceiling. */
  messageBytes: 64 * 1024 * 1024,
  /** Bytes of one message of a fetch or serve process: only inspection has listings to tell of. */
  shortMessageBytes: 128 * 1024,
  /** Bytes of one data frame on a lane. */
  frameBytes: 1024 * 1024,
  /** Bytes of a request from a command-line client to the daemon. */
  requestBytes: 1024 * 1024,
  /** Bytes of an upstream's status line and header fields, trailers included. */
  upstreamHeaderBytes: 32 * 1024,
  upstreamHeaderCount: 128,
  /** Header fields of a client's request; their bytes have a ceiling of each channel. */
  requestFields: 100,
  /** Bytes of one chunk-size line of a chunked body. */
  chunkLineBytes: 256,
  redirects: 10,
  /** Bytes of one reply on an FTP control connection. */
  ftpReplyBytes: 16 * 1024,
  /** Rounds of "now I need these files too" while a feed is read. */
  listingRounds: 40,
  /** Bytes of one index file (checksum list, listing page, signature). */
  indexBytes: 64 * 1024 * 1024,
  /** Names in one feed. */
  feedNames: 1_000_000,
  /** Folders that one listing may lead through. */
  listingFolders: 5_000,
  /** Bytes of one line of a checksum list or listing. */
  listLineBytes: 4 * 1024,
  signatureBytes: 1024 * 1024,
  /** Bytes of one CMS signature: its library takes time and memory for each byte of an object identifier. */
  cmsBytes: 128 * 1024,
  signaturesPerFile: 16,
  /** Members of one archive, and how many bytes they may unpack to, beside the source's expansion ratio. */
  archiveMembers: 100_000,
  archiveExpandedBytes: 4 * 1024 * 1024 * 1024,
  /** No deflate stream unpacks to more than some 1,032 times its size: an archive that says otherwise lies. */
  deflateRatio: 1_100,
  /** Bytes of the `.info` member of a ClamAV database. */
  databaseInfoBytes: 1024 * 1024,
  /** Bytes and lines of a LiveUpdate guard or index text, packages of one index, and members of its container. */
  guardTextBytes: 8 * 1024 * 1024,
  guardTextLines: 200_000,
  indexPackages: 20_000,
  indexMembers: 1_024,
  /** Indexes that one LiveUpdate source reads. */
  liveupdateIndexes: 4_096,
  /** Bytes of one product's index, as the agent takes it: those seen have a few thousand. */
  agentIndexBytes: 4 * 1024 * 1024,
  /** Bytes of a channel's list of recalls. */
  recallListBytes: 16 * 1024 * 1024,
  /** Characters of a unit file or drop-in, of one line with its continuations, and assignments; drop-ins of one unit. */
  unitBytes: 1024 * 1024,
  unitLineLength: 64 * 1024,
  unitEntries: 4_096,
  unitDropIns: 64,
  /** How far ahead of our clock a vendor's build or signing time may lie: more means that one of the clocks is wrong. */
  clockTolerance: 24 * 60 * 60 * 1_000,
} as const;
