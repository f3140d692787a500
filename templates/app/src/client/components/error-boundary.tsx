import { Component, type ReactNode } from "react";
import { LoadError } from "./states.tsx";

/** Shows a way out instead of an empty page when a view breaks. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children;
    return (
      <LoadError heading="h1" what="page" message="Something in it broke. Loading it again may help." onRetry={() => location.reload()} />
    );
  }
}
