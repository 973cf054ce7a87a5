import type { Command } from "commander";
import { EXIT } from "../../core/kernel/errors.ts";
import { isRefusal, type Perform } from "../context.ts";
import { teach } from "../lesson.ts";

export function addMetricsCommand(program: Command, perform: Perform): void {
  teach(
    program
      .command("metrics")
      .description("What a monitoring system asks: the figures of `/metrics`, in Prometheus' text format.")
      .action(() =>
        perform(async (context) => {
          const answer = await context.ask({ verb: "metrics" });
          return isRefusal(answer) ? answer : { json: answer, text: answer.text, exit: EXIT.done };
        }),
      ),
    {
      examples: [
        ["ringfort metrics", "look once"],
        [
          "ringfort metrics > /var/lib/prometheus/node-exporter/ringfort.tmp && mv /var/lib/prometheus/node-exporter/ringfort.tmp /var/lib/prometheus/node-exporter/ringfort.prom",
          "for node_exporter's textfile collector, from a timer",
        ],
      ],
      notes: "docs/metrics.md explains each of them, and docs/alerts.yaml has rules to begin with.",
    },
  );
}
