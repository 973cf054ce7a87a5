/** What `ringfort setup` and `harden sockets` print with `--json`: command, and rows of field, type, meaning. */
export const SET_UP: readonly (readonly [title: string, rows: readonly (readonly string[])[]])[] = [
  [
    "harden sockets",
    [
      ["`units[].file`, `.text`", "text", "a unit of systemd; without --output and --check"],
      ["`files[]`", "list of text", "only with --output: what was written"],
      [
        "`differences[].what`",
        "`unit-missing` or `unit-unexpected` or `line-missing` or `line-unexpected`",
        "only with --check",
      ],
      ["`differences[].where`", "text", "the unit's file"],
      ["`differences[].wanted`, `.found`", "text or null", "a line of it"],
    ],
  ],
  [
    "setup",
    [
      ["`written`", "true or false", "with --dry-run, and where somebody has left: false"],
      ["`files[].file`", "text", "in the order of writing"],
      ["`files[].state`", "`new` or `changed` or `same`", "against what stands there"],
      ["`files[].text`", "text", "only with --dry-run"],
      ["`removed[]`", "list of text", "socket units of listeners that are no more"],
      ["`service`", "`running` or `enabled` or `by-hand`", "it answers; starts with the machine; has to be started"],
      [
        "`source.name`",
        "text",
        "the first source; `source` is null where none was given, its description with --dry-run",
      ],
      [
        "`source.state`",
        "`added` or `there` or `later`",
        "there: one of that name was, and stays; later: no daemon took it",
      ],
      ["`notes[]`", "list of text", "for people; not promised"],
      ["`next[].command`, `.does`", "text", "what to type next"],
    ],
  ],
];
