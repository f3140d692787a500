/** What a test may hear: every answer of the forge's HTTP interfaces and every webhook that it queues. A forge in use has none. */

export interface Answer {
  method: string;
  /** As it was registered, below the root of its interface: `/repos/:owner/:repo`; undefined where no route answers. */
  route: string | undefined;
  path: string;
  /** The body that was sent; empty where there was none. */
  sent: string;
  status: number;
  headers: Headers;
  body: string;
}

export interface Told {
  event: string;
  action: string | null;
  /** The JSON text that is signed and sent. */
  payload: string;
}

export interface ForgeObserver {
  answered(answer: Answer): void;
  told(event: Told): void;
}
