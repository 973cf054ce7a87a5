/** What a service is started with (systemd.exec(5)): a program that is filmed or tried gets no variable of a person's shell. */
export const SERVICE_ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  LANG: "C.UTF-8",
};
