/** Refusals in GitHub's words: a status, a message, and for 422 which field of what is wrong. */

export interface FieldError {
  resource: string;
  field?: string;
  code: "missing" | "missing_field" | "invalid" | "already_exists" | "unprocessable" | "custom";
  message?: string;
  value?: unknown;
}

export class Fault extends Error {
  readonly status: number;
  readonly errors: (FieldError | string)[] | undefined;

  constructor(status: number, message: string, errors?: (FieldError | string)[]) {
    super(message);
    this.name = "Fault";
    this.status = status;
    this.errors = errors;
  }
}

export function notFound(): Fault {
  return new Fault(404, "Not Found");
}

export function requiresAuthentication(): Fault {
  return new Fault(401, "Requires authentication");
}

export function badCredentials(): Fault {
  return new Fault(401, "Bad credentials");
}

export function notByIntegration(): Fault {
  return new Fault(403, "Resource not accessible by integration");
}

export function invalid(...errors: FieldError[]): Fault {
  return new Fault(422, "Validation Failed", errors);
}
