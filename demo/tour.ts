import { liveupdateStops } from "./liveupdate-tour.ts";
import { mirrorStops } from "./mirror-tour.ts";
import { walkAll } from "./stops.ts";

/**
 * Walks the main job once and then the paper's whole scenario, with the real daemon, command line, servers and agents,
 * against vendors on loopback that misbehave when told to. Resolves to whether every stop showed what it should.
 */
export async function tour(say: (text: string) => void, progress: (text: string) => void): Promise<boolean> {
  const mirror = await walkAll("stop of the tour", await mirrorStops(), say, progress);
  say("");
  const paper = await walkAll("LiveUpdate, the paper's scenario", await liveupdateStops(), say, progress);
  return mirror && paper;
}
