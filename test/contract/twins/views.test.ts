import { viewsContract } from "../views.ts";
import { MemoryViews } from "./views.ts";

viewsContract("in memory", async () => {
  const views = new MemoryViews();
  return { views, reopen: async () => views, end: async () => undefined };
});
