import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { type TarEntry, tarPieces } from "./tar.ts";

/** What a container is run with: `config` of the OCI image configuration. */
interface ImageConfig {
  readonly User: string;
  readonly ExposedPorts: Readonly<Record<string, object>>;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly Cmd: readonly string[];
  readonly Volumes: Readonly<Record<string, object>>;
  readonly WorkingDir: string;
  readonly Labels: Readonly<Record<string, string>>;
  readonly StopSignal: string;
}

interface ImageWish {
  /** The lower one first; each says in a word what it is. */
  readonly layers: readonly { readonly what: string; readonly entries: readonly TarEntry[] }[];
  readonly config: ImageConfig;
  readonly name: string;
  /** By which the image is found in its layout. */
  readonly tag: string;
  /** Seconds since 1970: of every file, and of the image. */
  readonly epoch: number;
}

export interface MadeImage {
  /** The files of the layout. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly manifest: string;
  /** The layers' digests as they are stored, and unpacked: what gzip makes of the same bytes is zlib's to say. */
  readonly layers: readonly { readonly digest: string; readonly diffId: string; readonly bytes: number }[];
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** An image in the OCI image layout 1.0.0 (image-layout.md, manifest.md and config.md of the OCI image specification 1.0). */
export function imageLayout({ layers, config, name, tag, epoch }: ImageWish): MadeImage {
  const files = new Map<string, Uint8Array>();
  const add = (mediaType: string, content: Uint8Array): Descriptor => {
    const hex = createHash("sha256").update(content).digest("hex");
    files.set(`blobs/sha256/${hex}`, content);
    return { mediaType, digest: `sha256:${hex}`, size: content.length };
  };
  const addJson = (kind: string, value: object): Descriptor =>
    add(`application/vnd.oci.image.${kind}.v1+json`, Buffer.from(JSON.stringify(value)));
  const created = new Date(epoch * 1_000).toISOString().replace(".000Z", "Z");
  const packed = layers.map(({ what, entries }) => {
    const tar = Buffer.concat([...tarPieces(entries, epoch)]);
    const diffId = `sha256:${createHash("sha256").update(tar).digest("hex")}`;
    return { what, diffId, stored: add("application/vnd.oci.image.layer.v1.tar+gzip", gzipSync(tar)) };
  });
  const configuration = addJson("config", {
    created,
    architecture: "amd64",
    os: "linux",
    config,
    rootfs: { type: "layers", diff_ids: packed.map(({ diffId }) => diffId) },
    history: packed.map(({ what }) => ({ created, created_by: what })),
  });
  const manifest = addJson("manifest", {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: configuration,
    layers: packed.map(({ stored }) => stored),
    annotations: config.Labels,
  });
  const index = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: [
      {
        ...manifest,
        platform: { architecture: "amd64", os: "linux" },
        annotations: {
          "org.opencontainers.image.ref.name": tag,
          // What podman and containerd call it once it is loaded.
          "io.containerd.image.name": `localhost/${name}:${tag}`,
        },
      },
    ],
  };
  files.set("index.json", Buffer.from(JSON.stringify(index)));
  files.set("oci-layout", Buffer.from(JSON.stringify({ imageLayoutVersion: "1.0.0" })));
  return {
    files,
    manifest: manifest.digest,
    layers: packed.map(({ diffId, stored }) => ({ digest: stored.digest, diffId, bytes: stored.size })),
  };
}
