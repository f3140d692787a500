import { existsSync, realpathSync } from "node:fs";
import { join } from "node:path";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const modules = join(import.meta.dirname, "node_modules");

export default defineConfig({
  plugins: [react(), tailwindcss()],
  // Inside node_modules it would be shared with other apps, or read-only.
  cacheDir: ".cache/vite",
  // It may be a link to modules that lie elsewhere.
  server: existsSync(modules) ? { fs: { allow: [".", realpathSync(modules)] } } : {},
  build: { target: "es2022" },
  test: {
    include: ["test/**/*.test.{ts,tsx}"],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    expect: { poll: { timeout: 10_000 } },
  },
});
