import process from "node:process";

// The main of `ringfort` in one file. It starts no other file of ours, for there is none: what `ringfort observe` puts before a
// program that it tries is this file again, under another word, which is no command of the command line.
if (process.argv[2] === "launch-trial") {
  process.argv.splice(2, 1);
  await import("./launch-trial.ts");
} else {
  await import("./command-line.ts");
}
