import * as z from "zod";
import { request, results, type Verb } from "../wire/requests.ts";

/**
 * What the API takes and gives, as OpenAPI 3.1: one operation for each verb, made from the schemas that check the
 * requests themselves, so that it cannot say anything else.
 */
export function openApi(version: string): object {
  const operations = request.options.flatMap((option) =>
    [...option.shape.verb.values].map(
      (verb) => [`/api/v1/${verb}`, { post: operation(verb, bodyOf(option)) }] as const,
    ),
  );
  return {
    openapi: "3.1.0",
    info: { title: "Ringfort", version, description: "Every verb of the command line, for people and programs." },
    components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
    security: [{ token: [] }],
    paths: Object.fromEntries(operations),
  };
}

/** `verb` stands in the path, and who asks is known by what they show. */
function bodyOf(option: z.ZodObject): object {
  const { verb: _verb, by: _by, ...shape } = option.shape;
  return z.toJSONSchema(z.strictObject(shape), { io: "input", unrepresentable: "any" });
}

function operation(verb: Verb, body: object): object {
  const answer = z.toJSONSchema(results[verb], { unrepresentable: "any" });
  return {
    operationId: verb,
    requestBody: { content: { "application/json": { schema: body } } },
    responses: {
      200: { description: "done", content: { "application/json": { schema: answer } } },
      default: {
        description: "a refusal or a failure, with its code",
        content: { "application/json": { schema: ERROR } },
      },
    },
  };
}

const ERROR = {
  type: "object",
  properties: {
    error: {
      type: "object",
      properties: { kind: { enum: ["refused", "failed"] }, code: { type: "string" }, detail: { type: "string" } },
      required: ["kind", "code", "detail"],
    },
  },
  required: ["error"],
};
