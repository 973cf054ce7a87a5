import { createServer } from "node:net";

/**
 * The limit of loopback as Node reaches it: answers whatever it is asked for with the same bytes from memory, without
 * looking at the request. `node raw-load.ts SIZE`; prints its port. Ends with its standard input.
 */
const size = Number(process.argv[2]);
const head = `HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`;
const answer = Buffer.concat([Buffer.from(head), Buffer.alloc(size, "x")]);
const server = createServer({ noDelay: true }, (socket) => {
  socket.on("error", () => socket.destroy());
  socket.on("data", () => {
    if (!socket.write(answer)) {
      socket.pause();
      socket.once("drain", () => socket.resume());
    }
  });
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  process.stdout.write(`${typeof address === "object" && address !== null ? address.port : 0}\n`);
});
process.stdin.resume().once("end", () => process.exit(0));
