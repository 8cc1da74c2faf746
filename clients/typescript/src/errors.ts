// ZepError
// ├── AuthenticationError  401  no token, or one that the server did not sign
// ├── NotFoundError        404  no such thing, or it was deleted
// └── APIError                  whatever else the API answers
//     ├── BadRequest       400  the caller's mistake; the text names the field
//     ├── MethodNotAllowed 405  the path exists, not with this method
//     ├── TooLarge         413  more than the server takes at once
//     ├── OutOfSpace       507  the disk of the server's database is full
//     ├── Unavailable      503  something the server needs does not answer; also 429
//     └── Unreachable           no answer at all, or none in time

/** What an error knows beyond its text. */
export interface ErrorDetails {
  hint?: string | undefined;
  call?: string | undefined;
  cause?: unknown;
}

/** Anything that a call may fail with, but for mistakes that are seen before it is sent: those are TypeErrors. */
export class ZepError extends Error {
  static {
    this.prototype.name = "ZepError"; // not of the class's name, which bundlers shorten
  }
  /** The status of the answer; undefined if there was none. */
  declare code?: number;
  /** The text of the answer, as it came. */
  declare responseData?: any;
  /** What to do about it, where that is known. */
  declare hint?: string;
  /** The call, with its method and address. */
  declare call?: string;

  constructor(message: string, code?: number, responseData?: any, details: ErrorDetails = {}) {
    super(message, "cause" in details ? { cause: details.cause } : undefined);
    if (code !== undefined) this.code = code;
    if (responseData !== undefined) this.responseData = responseData;
    if (details.hint !== undefined) this.hint = details.hint;
    if (details.call !== undefined) this.call = details.call;
  }
}

/** The API did not do what it was asked. */
export class APIError extends ZepError {
  static {
    this.prototype.name = "APIError";
  }
}

/** There is no such thing, or it was deleted. */
export class NotFoundError extends ZepError {
  static {
    this.prototype.name = "NotFoundError";
  }
}

/** The server wants a token, and got none or one that is not its own. */
export class AuthenticationError extends ZepError {
  static {
    this.prototype.name = "AuthenticationError";
  }
}

/** The request is not valid; the text says why. */
export class BadRequest extends APIError {
  static {
    this.prototype.name = "BadRequest";
  }
}

/** The path does not take this method: the address is not that of a server with this API. */
export class MethodNotAllowed extends APIError {
  static {
    this.prototype.name = "MethodNotAllowed";
  }
}

/** More than the server takes in one call. */
export class TooLarge extends APIError {
  static {
    this.prototype.name = "TooLarge";
  }
}

/** The disk of the server's database is full. */
export class OutOfSpace extends APIError {
  static {
    this.prototype.name = "OutOfSpace";
  }
}

/** The server runs, but something it needs does not answer, or it is asked too often. */
export class Unavailable extends APIError {
  static {
    this.prototype.name = "Unavailable";
  }
}

/** There was no answer, or none in time. */
export class Unreachable extends APIError {
  static {
    this.prototype.name = "Unreachable";
  }
}

type Kind = new (message: string, code?: number, responseData?: any, details?: ErrorDetails) => ZepError;

const KINDS: Record<number, [Kind, string?]> = {
  400: [BadRequest],
  401: [AuthenticationError, "Pass a token as `apiKey`; `recollect token` makes one that the server takes."],
  404: [NotFoundError, "It was never added, or it was deleted."],
  405: [MethodNotAllowed, "Is this the address of a Recollect server?"],
  413: [TooLarge, "Send less in one call."],
  429: [Unavailable, "Wait before you call again; `retries` lets the client do so longer."],
  503: [Unavailable, "Try again later; `recollect doctor` says what the server lacks."],
  507: [OutOfSpace, "Free space on the disk of the server's database; it recovers by itself."],
};

/** Return the error that a status stands for, with the server's text. */
export function refusal(call: string, status: number, text: string): ZepError {
  const [Kind, hint] = KINDS[status] ?? [APIError];
  return new Kind(text.trim() || `${call} was answered with ${status}`, status, text, { hint, call });
}
