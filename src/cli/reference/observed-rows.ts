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
];
