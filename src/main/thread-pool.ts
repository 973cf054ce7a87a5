import process from "node:process";

/**
 * Imported first by the keeper. A thread of Node's pool that waits in an fsync can do nothing else, and with its four
 * threads eight transfers would wait for each other's disk. The pool reads this once, when it is first used.
 */
process.env["UV_THREADPOOL_SIZE"] ??= "16";
