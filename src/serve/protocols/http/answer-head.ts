/** Reason phrases: RFC 9110 section 15. A client must not read them; people do. */
const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  204: "No Content",
  206: "Partial Content",
  301: "Moved Permanently",
  304: "Not Modified",
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  412: "Precondition Failed",
  413: "Content Too Large",
  414: "URI Too Long",
  416: "Range Not Satisfiable",
  417: "Expectation Failed",
  431: "Request Header Fields Too Large",
  503: "Service Unavailable",
  505: "HTTP Version Not Supported",
};

/** Status and fields of an answer, without those of one connection or one moment. What is sent often is made once. */
export class AnswerHead {
  readonly status: number;
  /** Name and value in turn, as they are sent. */
  readonly headers: readonly string[];
  #block: string | null = null;

  constructor(status: number, headers: readonly string[]) {
    this.status = status;
    this.headers = headers;
  }

  /** Whether the length of the body stands in it. */
  get hasLength(): boolean {
    return this.headers.includes("Content-Length");
  }

  /** As HTTP/1.1 sends it, up to and without the empty line. One character for each byte. */
  get block(): string {
    this.#block ??= statusLine(this.status) + fieldLines(this.headers);
    return this.#block;
  }
}

function statusLine(status: number): string {
  return `HTTP/1.1 ${status} ${REASONS[status] ?? ""}\r\n`;
}

function fieldLines(headers: readonly string[]): string {
  let lines = "";
  for (let i = 0; i < headers.length; i += 2) lines += `${headers[i]}: ${headers[i + 1]}\r\n`;
  // Names of files are escaped long before; a line end that came through would be a field of a stranger's.
  if (!/^(?:[\w-]+: [\t -~\u0080-\u00ff]*\r\n)*$/.test(lines)) throw new Error("an answer with a field that is none");
  return lines;
}
