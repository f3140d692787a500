import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { createApiClient, mayRecover, TRPCProvider } from "./trpc.ts";

function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: { staleTime: 5_000, retry: (count, error) => count < 2 && mayRecover(error), retryDelay: (attempt) => 500 * 2 ** attempt },
    },
  });
}

export function Providers({ children, client }: { children: ReactNode; client?: ReturnType<typeof createApiClient> }) {
  const [queryClient] = useState(createQueryClient);
  const [trpcClient] = useState(() => client ?? createApiClient());
  return (
    <QueryClientProvider client={queryClient}>
      <TRPCProvider queryClient={queryClient} trpcClient={trpcClient}>
        {children}
      </TRPCProvider>
    </QueryClientProvider>
  );
}
