import * as z from "zod";

/** The part of JSON Schema that our schemas come out as. */
export interface Shape {
  readonly title?: string;
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Shape;
  readonly items?: Shape;
  readonly anyOf?: readonly Shape[];
  readonly oneOf?: readonly Shape[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
}

/** What may be written for a schema: one description for the editor, the reference pages and "did you mean". */
export function shapeOf(schema: z.ZodType): Shape {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the shapes of our own schemas, which a test walks
  return z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as Shape;
}

export function alternatives(shape: Shape): readonly Shape[] {
  return shape.oneOf ?? shape.anyOf ?? [shape];
}

/** The keys that belong into the object at `path`, given what is written there (`format: clamav` picks its branch). */
export function keysAt(shape: Shape, path: readonly PropertyKey[], written: unknown): readonly string[] {
  let shapes = fitting(alternatives(shape), written);
  let value = written;
  for (const step of path) {
    value = isRecord(value) ? value[String(step)] : undefined;
    const inner = shapes.flatMap((one) => below(one, step));
    shapes = fitting(inner.flatMap(alternatives), value);
  }
  return [...new Set(shapes.flatMap((one) => Object.keys(one.properties ?? {})))];
}

function below(shape: Shape, step: PropertyKey): readonly Shape[] {
  if (typeof step === "number") return shape.items === undefined ? [] : [shape.items];
  const named = shape.properties?.[String(step)];
  if (named !== undefined) return [named];
  return typeof shape.additionalProperties === "object" ? [shape.additionalProperties] : [];
}

/** The branches whose fixed values agree with what is written; all of them when none does. */
function fitting(shapes: readonly Shape[], written: unknown): readonly Shape[] {
  if (!isRecord(written)) return shapes;
  const agreeing = shapes.filter((shape) =>
    Object.entries(shape.properties ?? {}).every(
      ([key, inner]) => inner.const === undefined || written[key] === inner.const,
    ),
  );
  return agreeing.length > 0 ? agreeing : shapes;
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
