import * as dataPort from "./answers-data-port.ts";
import * as login from "./answers-login.ts";
import * as manners from "./answers-manners.ts";
import * as names from "./answers-names.ts";
import * as tls from "./answers-tls.ts";
import * as transfer from "./answers-transfer.ts";
import type { Verb } from "./command.ts";
import type { Answer } from "./talk.ts";

/** What answers each verb. */
export const ANSWERS: Readonly<Record<Verb, Answer>> = {
  USER: login.user,
  PASS: login.pass,
  ACCT: manners.acct,
  CWD: names.cwd,
  CDUP: names.cdup,
  PWD: names.pwd,
  QUIT: manners.quit,
  REIN: manners.rein,
  PORT: dataPort.port,
  PASV: dataPort.pasv,
  TYPE: manners.type,
  STRU: manners.stru,
  MODE: manners.mode,
  ALLO: manners.allo,
  REST: names.rest,
  RETR: transfer.retr,
  ABOR: manners.abor,
  LIST: transfer.list,
  NLST: transfer.nlst,
  SITE: manners.site,
  SYST: manners.syst,
  STAT: names.stat,
  HELP: manners.help,
  NOOP: manners.noop,
  XPWD: names.pwd,
  XCWD: names.cwd,
  XCUP: names.cdup,
  AUTH: tls.auth,
  PBSZ: tls.pbsz,
  PROT: tls.prot,
  CCC: tls.ccc,
  FEAT: manners.feat,
  OPTS: manners.opts,
  EPSV: dataPort.epsv,
  EPRT: dataPort.eprt,
  SIZE: names.size,
  MDTM: names.mdtm,
  MLST: names.mlst,
  MLSD: transfer.mlsd,
  CLNT: manners.clnt,
};
