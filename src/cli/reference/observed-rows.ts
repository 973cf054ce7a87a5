/** What `ringfort observe --json` prints: command, and rows of field, type, meaning. */
export const OBSERVED: readonly (readonly [title: string, rows: readonly (readonly string[])[]])[] = [
  [
    "observe",
    [
      ["`at`", "whole number", "milliseconds since 1970-01-01T00:00:00Z"],
      [
        "`processes[]`",
        "list of object",
        'a field is `{ "is": … }`, or `{ "unknown": text }` with the reason, but for `pid` and `role`',
      ],
      ["`processes[].pid`", "whole number", ""],
      ["`processes[].role`", "text or null", "of Ringfort's own processes"],
      ["`processes[].name`, `.program`", "text", "what it calls itself; the path of its program"],
      ["`processes[].parent`", "whole number", ""],
      ["`processes[].user`", "object", "`real`, `effective`, `saved` as numbers, `name` of the effective one or null"],
      ["`processes[].groups`", "list of whole number", ""],
      [
        "`processes[].capabilities`",
        "object",
        "`inheritable`, `permitted`, `effective`, `bounding`, `ambient`: lists of names",
      ],
      ["`processes[].noNewPrivileges`", "true or false", ""],
      ["`processes[].seccomp`", "`none` or `strict` or `filter`", ""],
      ["`processes[].landlock`", "text", "of processes that our launcher confined; the kernel shows it of none"],
      [
        "`processes[].namespaces[]`",
        "list of object",
        "`name`, `id`, `own`: a fact, whether it is not that of process 1",
      ],
      ["`processes[].cgroup`, `.unit`", "text, text or null", "systemd's unit, from the cgroup"],
      [
        "`processes[].files[]`",
        "list of object",
        "`fd`, `path` (bytes that are no UTF-8, and a backslash, as `\\xNN`), `mode` (`read`, `write`, `both`, `path`), `deleted`",
      ],
      [
        "`processes[].libraries[]`",
        "list of object",
        "`path`, `package`: a fact, text or null; `state`: `there`, `replaced`, `deleted`",
      ],
      [
        "`processes[].sockets[]`",
        "list of object",
        "`fd`, `protocol` (`tcp`, `udp`, `raw`, `unix`, `other`), `state` (`listening`, `connected`, `bound`, `other`), `local`, `port`, `peer`",
      ],
      ["`processes[].writableExecutable[]`", "list of text", "a mapping's file, or nothing"],
      ["`processes[].limits[]`", "list of object", "`name`, `soft`, `hard`, `unit`"],
      ["`processes[].environment[]`", "list of text", "names alone"],
    ],
  ],
  [
    "observe --ports",
    [
      ["`ports[].protocol`, `.address`, `.port`", "`tcp` or `udp`, text, whole number", "a listener of this machine"],
      ["`ports[].holders`", "fact", "`is`: list of object, each with `pid`, `name`; empty: the kernel"],
    ],
  ],
  [
    "observe --diff",
    [
      ["`differences[].process`, `.what`", "text", "for people"],
      ["`differences[].change`", "`gone` or `new` or `unknown`", "`unknown`: one of the looks did not see it"],
      ["`differences[].value`", "text", "what is gone or new, or the reason"],
    ],
  ],
  [
    "observe --film, --film-in",
    [
      ["`file`", "text or null", "absolute; null where it was not kept"],
      [
        "`heads[]`, `acts[]`",
        "list of object",
        "the lines of the film ([observe.md](../observe.md)); each act with its `times`",
      ],
      [
        "`left`, `unread`, `broken`",
        "whole number",
        "acts beyond the ceiling, lines that could not be read, recordings without an end",
      ],
    ],
  ],
  [
    "observe --profile",
    [
      ["`file`", "text or null", "absolute; null where it was not written"],
      ["`unit`", "text", "the unit's file"],
      ["`exposure`", "fact", "`is`: 0 to 10, as systemd-analyze sums it up"],
      [
        "`mounts.reads`, `.writes`, `.executes`, `.scratch`, `.runtime`, `.devices`",
        "list of object",
        "each with `value` and `why`: the act that needs it",
      ],
      ["`ports.binds[]`, `ports.connects[]`", "list of object", "as above; `value` is `tcp:80`"],
      ["`ports.any`", "object or null", "not null: the kernel chose ports, and none is enforced"],
      ["`families[]`, `capabilities[]`", "list of object", "as above"],
      ["`doubts[]`", "list of text", "what the films do not show well"],
    ],
  ],
  [
    "observe --try",
    [
      ["", "", "as of `observe --profile`, and:"],
      ["`by`", "`systemd` or `launcher`", "what held the program under the profile"],
      ["`exit`", "whole number or null", "the program's; null: it ran until it was stopped"],
      ["`acts`", "whole number", "different acts that were seen"],
      ["`refused[]`", "list of object", "acts, as in a film, each with `why`: `taken`, `new`, `hidden`"],
    ],
  ],
];
