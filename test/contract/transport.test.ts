import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { makeCertificate } from "../upstream/certificate.ts";
import { startFtpVendor } from "../upstream/ftp-vendor.ts";
import { startHttpVendor } from "../upstream/http-vendor.ts";
import { transportContract } from "./transport.ts";

/** The percent-encoded form of a path below an address. */
function below(address: string, file: string): string {
  return `${address}/${file.split("/").map(encodeURIComponent).join("/")}`;
}

let version = 0;

transportContract("http", async () => {
  const vendor = await startHttpVendor();
  return {
    put: async (file, body, lastModified) => {
      vendor.files.set(`/${file}`, { body, lastModified, etag: `"v${++version}"` });
    },
    url: (file) => below(vendor.url, file),
    close: vendor.close,
  };
});

transportContract("https", async () => {
  const tls = await makeCertificate(["localhost"]);
  const vendor = await startHttpVendor({ tls });
  return {
    put: async (file, body, lastModified) => {
      vendor.files.set(`/${file}`, { body, lastModified });
    },
    url: (file) => below(vendor.url, file),
    network: { authorities: [tls.cert] },
    close: vendor.close,
  };
});

transportContract("ftp", async () => {
  const vendor = await startFtpVendor({});
  return {
    put: async (file, body, lastModified) => {
      vendor.files.set(file, { body, lastModified });
    },
    url: (file) => below(vendor.url, file),
    close: vendor.close,
  };
});

transportContract("ftp of an old server", async () => {
  const vendor = await startFtpVendor({ faults: { noExtendedPassive: true, noMachineListing: true } });
  return {
    put: async (file, body, lastModified) => {
      vendor.files.set(file, { body, lastModified });
    },
    url: (file) => below(vendor.url, file),
    close: vendor.close,
  };
});

transportContract("file", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "ringfort-file-"));
  return {
    put: async (file, body, lastModified) => {
      const name = path.join(folder, file);
      await mkdir(path.dirname(name), { recursive: true });
      await writeFile(name, body);
      await utimes(name, new Date(lastModified), new Date(lastModified));
    },
    url: (file) => below(pathToFileURL(folder).href, file),
    close: () => rm(folder, { recursive: true }),
  };
});
