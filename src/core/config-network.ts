import * as z from "zod";

/** Who may be a client: networks or addresses. */
export const clientNetworks = z.array(z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()])).max(1_024);

/** A network interface as Linux names it: 15 bytes at most (IFNAMSIZ), no blank and no slash. */
export const interfaceName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:@-]{0,14}$/, "an interface is named as `ip link` names it, for example eth1");

export const confinement = z.strictObject({
  least: z
    .enum(["flags", "kernel"])
    .default("flags")
    .describe(
      "The least confinement that the daemon starts with. `flags`: Node's permission flags (L0), everywhere; `kernel`: " +
        "beside them Landlock and a filter of system calls (L1), which it takes wherever the kernel gives them. " +
        "`ringfort status` shows what each process has.",
    ),
});
