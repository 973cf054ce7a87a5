import { liveupdateStops } from "./liveupdate-tour.ts";
import { mirrorStops } from "./mirror-tour.ts";
import { walkAll } from "./stops.ts";
import { storyStops } from "./story-tour.ts";

const TIME_IS_COMPRESSED = `The next table is 19 July 2024, told twice: an update that is signed, valid and harmful. Time in it is compressed: the clock
of this daemon is put forward an hour at a time, some twelve hours in all, and of the canaries' visits the twenty days before
are written into the record. Everything else is real: requests over sockets, the preset "signatures", the detector,
the commands. Installed, Ringfort has one clock, and no setting for another.
`;

/**
 * Walks the main job once, then the paper's whole scenario, then a bad day, with the real daemon, command line, servers
 * and agents, against vendors on loopback that misbehave when told to. Resolves to whether every stop showed what it should.
 */
export async function tour(say: (text: string) => void, progress: (text: string) => void): Promise<boolean> {
  const mirror = await walkAll("stop of the tour", await mirrorStops(), say, progress);
  say("");
  const paper = await walkAll("LiveUpdate, the paper's scenario", await liveupdateStops(), say, progress);
  say(`\n${TIME_IS_COMPRESSED}`);
  const story = await walkAll("a bad update, twice", await storyStops(), say, progress);
  return mirror && paper && story;
}
