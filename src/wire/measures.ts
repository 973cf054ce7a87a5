import * as z from "zod";

/** How times and sizes stand in answers. */
export const instant = z.int().describe("milliseconds since 1970-01-01T00:00:00Z");
export const bytes = z.int().nonnegative().describe("bytes");
