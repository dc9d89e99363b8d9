/** What each path of the API is given and what it answers, by the OpenAPI document. */

import type { paths } from "./openapi.js";

export type Path = keyof paths;
export type Method = "get" | "post" | "delete";
export type Operation<P extends Path, M extends Method> = paths[P][M];

type Json<T> = T extends { content: { "application/json": infer Body } } ? Body : never;
type Said<O> = O extends { responses: infer Responses } ? Json<Responses[keyof Responses]> : never;

/** The JSON of the answer; nothing for one without. */
export type Answered<O> = [Said<O>] extends [never] ? void : Said<O>;

/** The names in the path, the query, and the JSON of the request. */
export type Given<O> = (O extends { parameters: { path: infer Names } } ? { path: Names } : { path?: never }) &
  (O extends { parameters: { query?: infer Query } } ? { query?: Query | undefined } : { query?: never }) &
  (O extends { requestBody: { content: { "application/json": infer Body } } }
    ? { body: Body }
    : O extends { requestBody?: never }
      ? { body?: never }
      : O extends { requestBody?: { content: { "application/json": infer Body } } }
        ? { body?: Body }
        : { body?: never });

type Names = Readonly<Record<string, string>>;
type Query = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** The path with its names and its query filled in. */
export function pathTo(template: string, names: Names = {}, query: Query = {}): string {
  const path = template.replace(/\{(\w+)\}/g, (_, name: string) => segment(name, names[name]));
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
  const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  return given.length > 0 ? `${path}?${search}` : path;
}

/** Nothing, or dots, would make it another path than was meant: whoever resolves the address takes them out. */
function segment(name: string, value: unknown): string {
  if (typeof value !== "string" || /^\.{0,2}$/.test(value)) {
    throw new TypeError(`The ${name} ${JSON.stringify(value)} cannot stand in a path: it is empty, dots, or no text`);
  }
  return encodeURIComponent(value);
}
