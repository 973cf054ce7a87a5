/** What `ringfort-agent --help` says. */
export const AGENT_USAGE = `ringfort-agent: keeps what is installed on this machine up to date from a Ringfort mirror

  ringfort-agent --config FILE              one run, then the end
  ringfort-agent --config FILE --daemon     a run every hour, until SIGTERM
  ringfort-agent --config FILE --check      says what a run would do, and changes nothing

  --silent     no log; the exit code says how it went
  --json       the log as JSON lines, and the results as one JSON document on standard output
  --version

Exit codes: 0 something was updated (with --check: would be), 1 nothing new, 4 an error.

A run asks the mirrors of the host file in order (nearest first; HTTP, then FTP, then a share), takes only what is
newer than what is installed, believes nothing but signatures of the signers in the host file, and puts each version
into its place in one step. It never goes to an older version but by a recall that a key of the host file has signed.

A configuration, YAML or JSON, is for example:

  hostFile: /etc/ringfort/host.json         # of the deployment: \`ringfort hostfile edit\` writes it
  state: /var/lib/ringfort-agent            # the agent's own folder
  products:
    - product: Example AV Definitions
      version: "1.0"
      mount: /vendor/                       # where the mirror shows the source
      install:
        way: swap                           # versions/<sequence>/, and a link \`current\` that is moved
        folder: /opt/example/definitions
    - product: Example Scanner
      version: "2.1"
      language: English
      detector: { kind: file, file: /opt/scanner/VERSION, pattern: '^sequence=(\\d+)' }
      install:
        way: command                        # your program, given the verified package; never one out of a package
        argv: [/usr/local/sbin/apply-scanner, "{file}", "{sequence}"]
        env: { PATH: /usr/bin:/bin }
        timeLimit: 5m

Try it first with --check.
`;
