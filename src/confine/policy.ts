/** What one process may ask of the kernel. It is handed to the launcher as JSON, and holds no secret. */
export interface KernelPolicy {
  /** Files and folders whose files may be read. What is not there when the process starts stays out of reach. */
  readonly reads: readonly string[];
  /** Folders whose files may be read, made, written and removed. */
  readonly writes: readonly string[];
  readonly sockets: SocketRights;
  /** The keeper's: it starts the others, keeps what it writes durable, and moves and links files among its folders. */
  readonly starts?: boolean;
  /** Descriptors that it inherits, standard ones included: from 0 on. */
  readonly descriptors: number;
  /** Which of them is the connection by which the keeper ends it (`DescriptorDoor.dieBy`), where that is how. */
  readonly tether?: number;
}

/**
 * "none": what it inherited, and nothing else; "accept": connections on listeners that it inherited; "connect": TCP
 * outside, and UDP for the names of it; "call-back": "accept", and TCP of its own, with no local socket; "any": Internet and local sockets of its own,
 * over which no descriptor goes.
 */
type SocketRights = "none" | "accept" | "connect" | "call-back" | "any";
