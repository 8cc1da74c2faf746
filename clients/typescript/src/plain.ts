// From what is sent to what programs hold, and back.

/** An object without the fields that are null, as types have it. */
export type Given<T> = { [K in keyof T as null extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as null extends T[K] ? K : never]?: Exclude<T[K], null>;
};

/** Return an object without the fields that are null. */
export function given<T extends object>(sent: T): Given<T> {
  return Object.fromEntries(Object.entries(sent).filter(([, value]) => value !== null)) as Given<T>;
}

/** Return a model as a plain object, down to the models in it, without what is undefined. */
export function plain(model: object): any {
  const fields = Object.entries(model).filter(([, value]) => value !== undefined && value !== null);
  return Object.fromEntries(fields.map(([name, value]) => [name, inner(value)]));
}

function inner(value: any): unknown {
  if (Array.isArray(value)) return value.map(inner);
  return typeof value?.toDict === "function" ? value.toDict() : value;
}
